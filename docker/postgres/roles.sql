-- A role and a database for each program that has one; run by the image at the first start. The passwords come from
-- the environment, where vault-exec put them: in arguments or in a file they would be for others to see.
\getenv airflow_password AIRFLOW_PASSWORD
\getenv backend_password BACKEND_PASSWORD
\getenv mlflow_password MLFLOW_PASSWORD

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE backend LOGIN PASSWORD :'backend_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';

CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE backend OWNER backend;
CREATE DATABASE mlflow OWNER mlflow;

-- Everybody may connect to a new database.
REVOKE CONNECT ON DATABASE airflow, backend, mlflow FROM PUBLIC;
