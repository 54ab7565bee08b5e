"""The settings, read from the environment."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """Each field is a variable: `jwt_algorithm` is `JWT_ALGORITHM`. vault-exec sets those without a default."""

    postgres_user: str
    postgres_password: SecretStr
    postgres_db: str
    postgres_host: str = "postgres"

    minio_access_key: str
    minio_secret_key: SecretStr
    minio_endpoint: str = "minio:9000"

    jwt_algorithm: str
    jwt_secret_key: SecretStr
