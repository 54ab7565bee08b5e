# MLflow can read only its own secret.
path "secret/data/mlflow" {
  capabilities = ["read"]
}
