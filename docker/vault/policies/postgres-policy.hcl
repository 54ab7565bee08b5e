# PostgreSQL can read only its own secret.
path "secret/data/postgres" {
  capabilities = ["read"]
}
