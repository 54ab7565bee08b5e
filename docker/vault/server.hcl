# The same file for the three nodes. What differs comes from compose: BAO_RAFT_NODE_ID, BAO_API_ADDR, BAO_CLUSTER_ADDR.

storage "raft" {
  path = "/vault/raft"

  # Each node names all of them, itself too: whichever is new finds the others, whichever they are.
  retry_join {
    leader_api_addr     = "https://vault-1:8200"
    leader_ca_cert_file = "/run/ca/ca.pem"
  }
  retry_join {
    leader_api_addr     = "https://vault-2:8200"
    leader_ca_cert_file = "/run/ca/ca.pem"
  }
  retry_join {
    leader_api_addr     = "https://vault-3:8200"
    leader_ca_cert_file = "/run/ca/ca.pem"
  }
}

# A node that starts unseals itself with this key. Where there is a second OpenBao, a KMS or an HSM, let that hold the
# key: `seal "transit" { address = …, key_name = …, mount_path = "transit/" }` takes the place of this block.
seal "static" {
  current_key_id = "1"
  current_key    = "file:///run/seal/1.key"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/vault/tls/server.pem"
  tls_key_file    = "/vault/tls/server.pem"
  tls_min_version = "tls13"
}

# A standby shows its own metrics only to those it does not ask for a token (it would send the others to the leader).
# So they have a door of their own, which leads nowhere else.
listener "tcp" {
  address         = "0.0.0.0:8210"
  tls_cert_file   = "/vault/tls/server.pem"
  tls_key_file    = "/vault/tls/server.pem"
  tls_min_version = "tls13"

  telemetry {
    metrics_only                   = true
    unauthenticated_metrics_access = true
  }
}

telemetry {
  disable_hostname          = true
  prometheus_retention_time = "1m"
  usage_gauge_period        = "1m"
}

# What cannot be written down is not done: with one device, a full disk stops the node, and an alert tells.
audit "file" "file" {
  description = "Every request and answer, their secrets as HMACs"
  options {
    file_path = "/vault/audit/audit.log"
  }
}
