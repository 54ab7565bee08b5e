"""Notes in PostgreSQL, objects in S3, signed tokens: one pair of endpoints for each credential."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Annotated, Any

import jwt
from fastapi import Body, Depends, FastAPI, HTTPException, Response, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from minio import Minio, S3Error
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

from app.settings import Settings

BUCKET = "backend"
TOKEN_LIFE = timedelta(minutes=5)

settings = Settings()
database = ConnectionPool(
    kwargs={
        "host": settings.postgres_host,
        "user": settings.postgres_user,
        "password": settings.postgres_password.get_secret_value(),
        "dbname": settings.postgres_db,
    },
    min_size=1,
    open=False,
)
storage = Minio(
    settings.minio_endpoint,
    access_key=settings.minio_access_key,
    secret_key=settings.minio_secret_key.get_secret_value(),
    secure=False,
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Creates the table and the bucket. The program exits if a server is unreachable; Docker restarts it."""
    with database:
        with database.connection() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text NOT NULL)")
        if not storage.bucket_exists(BUCKET):
            storage.make_bucket(BUCKET)
        yield


app = FastAPI(title="backend", lifespan=lifespan)


@app.get("/health")
def health() -> dict[str, str]:
    """Reports that the program runs. Does not check the database: restarting the program would not help."""
    return {"status": "ok"}


class NewNote(BaseModel):
    """A note without its id."""

    text: str


class Note(NewNote):
    """A row of the table."""

    id: int


@app.post("/notes", status_code=status.HTTP_201_CREATED)
def write_note(note: NewNote) -> Note:
    """Writes a row into PostgreSQL."""
    with database.connection() as connection, connection.cursor(row_factory=class_row(Note)) as cursor:
        [written] = cursor.execute("INSERT INTO notes (text) VALUES (%s) RETURNING id, text", [note.text]).fetchall()
        return written


@app.get("/notes")
def read_notes() -> list[Note]:
    """Reads the rows, oldest first."""
    with database.connection() as connection, connection.cursor(row_factory=class_row(Note)) as cursor:
        return cursor.execute("SELECT id, text FROM notes ORDER BY id").fetchall()


@app.put("/objects/{name}", status_code=status.HTTP_204_NO_CONTENT)
def put_object(name: str, content: Annotated[bytes, Body(media_type="application/octet-stream")]) -> None:
    """Stores the body in the bucket."""
    storage.put_object(BUCKET, name, BytesIO(content), len(content))


@app.get("/objects/{name}")
def get_object(name: str) -> Response:
    """Returns an object of the bucket."""
    try:
        with storage.get_object(BUCKET, name) as found:
            return Response(found.read(), media_type="application/octet-stream")
    except S3Error as error:
        if error.code == "NoSuchKey":
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no object is called {name}") from error
        raise


class Token(BaseModel):
    """A token response of OAuth 2 (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str = "bearer"


@app.post("/token")
def sign(subject: Annotated[str, Body(embed=True)]) -> Token:
    """Signs a token with the key and the algorithm from the secret. This demo does not authenticate the client."""
    claims = {"sub": subject, "exp": datetime.now(UTC) + TOKEN_LIFE}
    return Token(access_token=jwt.encode(claims, settings.jwt_secret_key.get_secret_value(), settings.jwt_algorithm))


@app.get("/whoami")
def verify(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict[str, Any]:
    """Returns the claims of a token signed by `sign`."""
    try:
        return jwt.decode(
            bearer.credentials, settings.jwt_secret_key.get_secret_value(), algorithms=[settings.jwt_algorithm]
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, str(error)) from error
