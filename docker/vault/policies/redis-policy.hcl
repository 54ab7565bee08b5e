# What Redis may do: read its own secret, nothing else.
path "secret/data/redis" {
  capabilities = ["read"]
}
