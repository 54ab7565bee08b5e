# What PostgreSQL may do: read its own secret, nothing else.
path "secret/data/postgres" {
  capabilities = ["read"]
}
