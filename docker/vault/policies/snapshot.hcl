# What the snapshot job may do: take a snapshot, which it cannot read.
path "sys/storage/raft/snapshot" {
  capabilities = ["read"]
}
