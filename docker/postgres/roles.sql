-- Creates a role and a database for each program. The image runs this at the first start. The passwords are read from the
-- environment, which vault-exec set; arguments or a file would expose them to other users.
\getenv airflow_password AIRFLOW_PASSWORD
\getenv backend_password BACKEND_PASSWORD
\getenv mlflow_password MLFLOW_PASSWORD

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE backend LOGIN PASSWORD :'backend_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';

CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE backend OWNER backend;
CREATE DATABASE mlflow OWNER mlflow;

-- By default, every role may connect to a new database.
REVOKE CONNECT ON DATABASE airflow, backend, mlflow FROM PUBLIC;
