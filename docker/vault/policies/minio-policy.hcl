# MinIO can read only its own secret.
path "secret/data/minio" {
  capabilities = ["read"]
}
