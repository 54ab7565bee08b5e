# What the issuer of secret_ids may do: have one made for any role, but only wrapped, so that it never sees one without
# using it up. It is not told the role_ids, and so cannot log in as anybody.
path "auth/approle/role/+/secret-id" {
  capabilities     = ["update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "1h"
}
