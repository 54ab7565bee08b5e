# The snapshot job can save snapshots, which are encrypted.
path "sys/storage/raft/snapshot" {
  capabilities = ["read"]
}
