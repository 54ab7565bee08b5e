# The issuer can create secret_ids for any role, but only wrapped: it cannot read one without using up the wrapping token.
# It cannot read role_ids, so it cannot log in as a service.
path "auth/approle/role/+/secret-id" {
  capabilities     = ["update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "1h"
}
