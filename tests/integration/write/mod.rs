//! Requests with `--write`, which create a credential for this start.

mod check;
mod min_lease;
pub(crate) mod once;
mod programs;
mod request;

use serde_json::json;

use crate::support::vault::TestVault;

/// With an engine `pki` at `pki-{kv}`, whose role `web` issues certificates for names in `web.test` to the policy `{kv}`,
/// behind a recording proxy and without a token.
pub(crate) fn pki() -> TestVault {
    TestVault::kv2()
        .without("VAULT_TOKEN")
        .posted("sys/mounts/pki-{kv}", &json!({"type": "pki", "config": {"max_lease_ttl": "1000h"}}))
        .posted("pki-{kv}/root/generate/internal", &json!({"common_name": "root", "ttl": "900h", "key_type": "ec"}))
        .posted("pki-{kv}/roles/web", &role())
        .posted("sys/policies/acl/{kv}", &updating(&["pki-{kv}/issue/web"]))
        .recorded()
}

/// The settings of the role.
pub(crate) fn role() -> serde_json::Value {
    json!({
        "allowed_domains": ["web.test", "localhost"], "allow_bare_domains": true, "allow_subdomains": true,
        "key_type": "ec", "max_ttl": "100h",
    })
}

/// A policy that allows these writes.
pub(crate) fn updating(paths: &[&str]) -> serde_json::Value {
    let stanza = |path: &&str| format!(r#"path "{path}" {{ capabilities = ["update"] }}"#);
    json!({"policy": paths.iter().map(stanza).collect::<Vec<_>>().join("\n")})
}
