# What MinIO may do: read its own secret, nothing else.
path "secret/data/minio" {
  capabilities = ["read"]
}
