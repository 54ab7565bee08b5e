# Redis can read only its own secret.
path "secret/data/redis" {
  capabilities = ["read"]
}
