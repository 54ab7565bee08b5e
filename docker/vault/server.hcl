# Shared by the three nodes; compose.prod.yaml sets BAO_RAFT_NODE_ID, BAO_API_ADDR and BAO_CLUSTER_ADDR for each.

storage "raft" {
  path = "/vault/raft"

  # The list includes the node itself, so that the file is the same for all nodes.
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

# A node unseals itself with this key when it starts. If you have a second OpenBao, a KMS or an HSM, keep the key there:
# `seal "transit" { address = …, key_name = …, mount_path = "transit/" }` replaces this block.
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

# A standby serves its own metrics only without authentication; authenticated requests are forwarded to the leader. So
# metrics have their own listener, which serves nothing else.
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

# The server rejects requests that it cannot log. With a single audit device, a full disk stops the node, which raises an alert.
audit "file" "file" {
  description = "Requests and responses, with secrets as HMACs"
  options {
    file_path = "/vault/audit/audit.log"
  }
}
