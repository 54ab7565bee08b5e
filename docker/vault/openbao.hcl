# What is specific to OpenBao. SERVER_CONFIG names the file to use instead, see "With HashiCorp Vault" in docker/README.md.

# A node unseals itself with this key when it starts. If you have a second OpenBao, a KMS or an HSM, keep the key there:
# `seal "transit" { address = …, key_name = …, mount_path = "transit/" }` replaces this block.
seal "static" {
  current_key_id = "1"
  current_key    = "file:///run/seal/1.key"
}

# The server rejects requests that it cannot log. With a single audit device, a full disk stops the node, which raises an alert.
audit "file" "file" {
  description = "Requests and responses, with secrets as HMACs"
  options {
    file_path = "/node/audit/audit.log"
  }
}
