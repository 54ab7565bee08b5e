//! A secret that only a login gives access to.
//!
//! ```text
//! let vault = TestVault::locked();
//! vault.clone().env("VAULT_ROLE_ID", vault.approle(&json!({}))).env("VAULT_SECRET_ID", vault.secret_id()).enters();
//! ```

use serde_json::{Value, json};

use super::api::{Api, policy, text};
use super::canary::assert_no_secrets;
use super::recording_proxy::credentials;
use super::vault::{Outcome, TestVault};

/// The value of the key `k` in the secret `a` of a locked test vault.
pub(crate) const VALUE: &str = "canary-of-the-value";

const LOUDEST: [&str; 3] = ["-vv", "--log-format", "json"];

impl TestVault {
    /// With a secret `a` that the policy `{kv}` allows to read, without a token, behind a recording proxy.
    pub(crate) fn locked() -> Self {
        Self::kv2().locked_with("{kv}/data/a")
    }

    /// The same with a KV version 1 engine and `--kv 1`.
    pub(crate) fn locked_kv1() -> Self {
        Self::kv1().args(["--kv", "1"]).locked_with("{kv}/a")
    }

    fn locked_with(self, path: &str) -> Self {
        let vault = self.secret("a", [("k", VALUE)]).path("a").without("VAULT_TOKEN");
        vault.post("sys/policies/acl/{kv}", &policy(path));
        vault.recorded()
    }

    /// Creates the role `{kv}` of `auth/approle` with these settings and the policy `{kv}`. Returns its `role_id`.
    pub(crate) fn approle(&self, settings: &Value) -> String {
        let mut role = json!({"token_policies": ["{kv}"]});
        role.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.post("auth/approle/role/{kv}", &role);
        text(&Api::shared().get(&self.fill("auth/approle/role/{kv}/role-id"))["data"]["role_id"])
    }

    /// A new `secret_id` of that role.
    pub(crate) fn secret_id(&self) -> String {
        text(&self.post("auth/approle/role/{kv}/secret-id", &json!({}))["data"]["secret_id"])
    }

    /// Creates that role and sets the variables of its credentials.
    pub(crate) fn with_approle(self, settings: &Value) -> Self {
        let (role_id, secret_id) = (self.approle(settings), self.secret_id());
        self.env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id)
    }

    /// The number of tokens with the policy `{kv}`.
    pub(crate) fn token_count(&self) -> usize {
        Api::shared().tokens_with_policy(&self.fill("{kv}"))
    }

    /// The program starts with the secret and without any credential, and no message contains one.
    #[track_caller]
    pub(crate) fn enters(&self) -> Outcome {
        let outcome = self.clone().args(LOUDEST).environ().has("K", VALUE);
        assert_no_secrets(self, &outcome);
        for (_, credential) in credentials(&self.exchanges()) {
            let block = String::from_utf8_lossy(&outcome.stdout);
            assert!(!block.contains(&credential), "the program received the credential {credential}: {outcome}");
        }
        outcome
    }

    /// The program starts with the secret, without a message.
    #[track_caller]
    pub(crate) fn enters_silently(&self) -> Outcome {
        self.environ().has("K", VALUE).stderr_is("")
    }

    /// The program does not start. This is the message, as text and as JSON, and neither contains a credential.
    #[track_caller]
    pub(crate) fn is_refused(&self, stderr: &str) {
        let plain = self.fails(stderr);
        let loud = self.clone().args(LOUDEST).run(["echo", "the program was started"]).exits(125).stdout_is("");
        let last: Value = serde_json::from_str(loud.stderr.lines().last().unwrap()).unwrap();
        let hint = last["hint"].as_str().map_or(String::new(), |hint| format!("hint: {hint}\n"));
        let message = text(&last["message"]).replace('\n', "\\n");
        assert_eq!(format!("vault-exec: {message}\n{hint}"), plain.stderr, "{loud}");
        assert_eq!(last["level"], "error", "{loud}");
        assert_no_secrets(self, &plain);
        assert_no_secrets(self, &loud);
    }
}
