# What the FastAPI backend may do: read its own secret, nothing else.
path "secret/data/backend" {
  capabilities = ["read"]
}
