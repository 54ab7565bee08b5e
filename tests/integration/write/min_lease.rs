//! `--min-lease`: what expires too soon does not start the program.

use serde_json::json;

use crate::auth::lease::with_database;
use crate::support::api::text;
use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;
use crate::write::{pki, role};

/// Fails with this message, for one of these lifetimes: a second may pass.
#[track_caller]
fn expires(vault: &TestVault, path: &str, ttls: &[&str], min: &str, remedy: &str) {
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let message = |ttl: &&str| {
        format!(
            "vault-exec: {path}: expires in {ttl}, sooner than --min-lease {min}\nhint: {remedy}, or lower --min-lease\n"
        )
    };
    assert!(ttls.iter().any(|ttl| outcome.stderr == outcome.fill(&message(ttl))), "{outcome}");
}

const LEASE: &str = "raise the TTL of the role in its engine";
const TOKEN: &str = "its lease ends with the token then: raise the TTL of the token (token_ttl of the auth role)";
const CERTIFICATE: &str = "ask for a longer ttl (--write PATH?ttl=…), and raise max_ttl of the role in its engine";

#[test]
fn a_certificate_expires_at_its_expiration() {
    let vault = pki().with_approle(&json!({"token_ttl": "1m"}));
    let vault = vault.args(["--write", "pki-{kv}/issue/web?common_name=web.test&ttl=1h"]);
    // It does not end with the login token.
    vault.clone().args(["--min-lease", "59m"]).environ().has("PRIVATE_KEY_TYPE", "ec").stderr_is("");
    let short = vault.clone().args(["--min-lease", "2h"]);
    expires(&short, "write pki-{kv}/issue/web", &["59m59s", "59m58s", "59m57s"], "2h", CERTIFICATE);
    assert_eq!(vault.token_count(), 0);
}

#[test]
fn a_lease_ends_with_the_login_token_or_a_given_one() {
    let vault = pki().with_approle(&json!({"token_ttl": "20m"}));
    let mut leasing = role();
    leasing["generate_lease"] = true.into();
    let vault = vault.posted("pki-{kv}/roles/web", &leasing).args(["--min-lease", "30m"]);
    let vault = vault.args(["--write", "pki-{kv}/issue/web?common_name=web.test&ttl=1h"]);
    expires(&vault, "write pki-{kv}/issue/web", &["20m"], "30m", TOKEN);
    assert_eq!(vault.token_count(), 0, "the lease is revoked with its token");

    let create = json!({"policies": ["{kv}"], "ttl": "20m"});
    let token = text(&vault.post("auth/token/create", &create)["auth"]["client_token"]);
    let given = vault.without("VAULT_ROLE_ID").env("VAULT_TOKEN", token);
    expires(&given, "write pki-{kv}/issue/web", &["20m", "19m59s", "19m58s"], "30m", TOKEN);
    given.clone().env("VAULT_TOKEN", ROOT).environ().has("PRIVATE_KEY_TYPE", "ec");
    given.clone().args(["--min-lease", "19m"]).environ().has("PRIVATE_KEY_TYPE", "ec");
    let checked = given.args(["--check"]).run(["true"]).exits(0);
    assert!(checked.stderr.is_empty(), "{checked}");
}

#[test]
fn secrets_of_kv_do_not_expire() {
    // KV version 1 reports a duration for each secret, of 768 hours, and this key is data.
    for vault in TestVault::each() {
        let vault = vault.secret("a", json!({"expiration": 1, "ttl": "1s"})).path("a").args(["--min-lease", "8000h"]);
        vault.environ().has("EXPIRATION", "1").stderr_is("");
    }
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn a_lease_of_a_read_expires() {
    let vault = with_database("tooshort", &json!({"token_ttl": "3h"})).args(["--min-lease", "90m"]);
    expires(&vault, "read db-{kv}/creds/tooshort", &["1h"], "1h30m", LEASE);
    assert_eq!(vault.token_count(), 0);
    let vault = with_database("longlife", &json!({"token_ttl": "3h"})).args(["--min-lease", "59m"]);
    let outcome = vault.environ();
    assert!(outcome.stderr.ends_with("the server revokes these values after 1h\n"), "{outcome}");
}
