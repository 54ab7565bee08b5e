"""Each task uses one credential that vault-exec passed to the worker. Airflow itself uses the others."""

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import dag, get_current_context, task

BUCKET = "airflow"


@dag(schedule=None, catchup=False)
def credentials_at_work() -> None:
    """Writes to PostgreSQL, S3 and MLflow."""

    @task
    def row() -> str:
        """Writes a row and reads it back."""
        run = get_current_context()["run_id"]
        postgres = PostgresHook("postgres")
        postgres.run("CREATE TABLE IF NOT EXISTS proof (run text PRIMARY KEY, at timestamptz DEFAULT now())")
        postgres.run("INSERT INTO proof (run) VALUES (%s)", parameters=[run])
        (read,) = postgres.get_first("SELECT run FROM proof WHERE run = %s", parameters=[run])
        return read

    @task
    def store(content: str) -> str:
        """Puts an object into the bucket and gets it back."""
        s3 = S3Hook("minio")
        if not s3.check_for_bucket(BUCKET):
            s3.create_bucket(BUCKET)
        s3.load_string(content, key=content, bucket_name=BUCKET, replace=True)
        return s3.read_key(key=content, bucket_name=BUCKET)

    @task
    def log(content: str) -> str:
        """Logs an artifact, which the server puts into S3 with a credential of its own."""
        import mlflow  # Slow to import, and Airflow parses this file repeatedly.

        mlflow.set_experiment("airflow")
        with mlflow.start_run() as run:
            mlflow.log_text(content, "proof.txt")
        return run.info.run_id

    log(store(row()))


credentials_at_work()
