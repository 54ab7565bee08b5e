# The FastAPI backend can read only its own secret.
path "secret/data/backend" {
  capabilities = ["read"]
}
