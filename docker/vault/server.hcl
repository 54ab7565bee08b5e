# Shared by the three nodes; compose.prod.yaml sets VAULT_RAFT_NODE_ID, VAULT_API_ADDR and VAULT_CLUSTER_ADDR for each.
# openbao.hcl has what is specific to OpenBao.

storage "raft" {
  path = "/node/raft"

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

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/node/tls/server.pem"
  tls_key_file    = "/node/tls/server.pem"
  tls_min_version = "tls13"
}

# A standby serves its own metrics only without authentication; authenticated requests are forwarded to the leader. So
# metrics have their own listener, which serves nothing else.
listener "tcp" {
  address         = "0.0.0.0:8210"
  tls_cert_file   = "/node/tls/server.pem"
  tls_key_file    = "/node/tls/server.pem"
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
