# What MLflow may do: read its own secret, nothing else.
path "secret/data/mlflow" {
  capabilities = ["read"]
}
