//! Logins in one namespace for secrets in another one.

use serde_json::json;

use crate::support::api::{Api, policy, text};
use crate::support::login::VALUE;
use crate::support::vault::TestVault;

/// With a KV version 1 engine, a secret `a`, an `AppRole` method and a policy `reader` in this namespace.
fn locked_in(api: &Api) -> TestVault {
    api.post("sys/auth/approle", &json!({"type": "approle"}));
    api.post("sys/mounts/secret", &json!({"type": "kv"}));
    api.post("secret/a", &json!({"k": VALUE}));
    api.post("sys/policies/acl/reader", &policy("secret/a"));
    TestVault::bare()
        .env("VAULT_ADDR", &api.origin)
        .env("VAULT_NAMESPACE", &api.namespace)
        .args(["--kv", "1", "--path", "secret/a"])
        .recorded()
}

#[test]
fn the_auth_method_may_be_in_a_parent_namespace() {
    let parent = Api::shared().in_namespace("above");
    let child = parent.clone().in_namespace("below");
    let vault = locked_in(&parent);
    child.post("sys/mounts/secret", &json!({"type": "kv"}));
    child.post("secret/a", &json!({"k": "below"}));
    parent.post("sys/policies/acl/both", &policy("below/secret/a"));
    let login = |policies: &[&str]| {
        parent.post("auth/approle/role/app", &json!({"token_policies": policies}));
        let role_id = text(&parent.get("auth/approle/role/app/role-id")["data"]["role_id"]);
        let secret_id = text(&parent.post("auth/approle/role/app/secret-id", &json!({}))["data"]["secret_id"]);
        vault.clone().env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id)
    };
    let before = parent.token_count();
    let both = login(&["both"]).args(["--namespace", "above/below", "--auth-namespace", "above"]);
    both.environ().has("K", "below").stderr_is("");
    both.clone().env("VAULT_EXEC_AUTH_NAMESPACE", "/above/").environ().has("K", "below").stderr_is("");
    assert_eq!(parent.token_count(), before, "the token is revoked where it was obtained");

    // Policies are written where the token is from.
    login(&["reader"]).args(["--namespace", "above/below", "--auth-namespace", "above"]).is_refused(
        "vault-exec: read secret/a: permission denied (403)\n\
         hint: a policy of the token must contain\n\n\
         path \"below/secret/a\" {\n  capabilities = [\"read\"]\n}\n",
    );
    assert_eq!(parent.token_count(), before);
    both.args(["--auth-namespace", "nowhere"]).is_refused(
        "vault-exec: log in at auth/approle: no such namespace\n\
         hint: check --auth-namespace, --namespace or VAULT_NAMESPACE\n",
    );
}

#[test]
fn a_token_of_a_child_namespace_reads_nothing_in_its_parent() {
    let parent = Api::shared().in_namespace("upper");
    let child = parent.clone().in_namespace("lower");
    let vault = locked_in(&parent);
    child.post("sys/auth/approle", &json!({"type": "approle"}));
    child.post("sys/policies/acl/reader", &policy("secret/a"));
    child.post("auth/approle/role/app", &json!({"token_policies": ["reader"]}));
    let role_id = text(&child.get("auth/approle/role/app/role-id")["data"]["role_id"]);
    let secret_id = text(&child.post("auth/approle/role/app/secret-id", &json!({}))["data"]["secret_id"]);
    let vault = vault.env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id);
    let before = child.token_count();
    vault.args(["--namespace", "upper", "--auth-namespace", "upper/lower"]).is_refused(
        "vault-exec: read secret/a: permission denied (403): \
         the token belongs to namespace `upper/lower`, and the secret is outside it\n\
         hint: log in to the namespace of the secret, or one above it, with --auth-namespace\n",
    );
    assert_eq!(child.token_count(), before);
}
