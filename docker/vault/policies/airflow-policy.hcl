# What the Airflow services may do: read their own secret, nothing else.
path "secret/data/airflow" {
  capabilities = ["read"]
}
