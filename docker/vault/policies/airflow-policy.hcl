# The Airflow services can read only their own secret.
path "secret/data/airflow" {
  capabilities = ["read"]
}
