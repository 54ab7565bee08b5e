//! A token that a login obtained does not outlive its purpose; one that was given is left alone.

use std::thread;

use serde_json::{Value, json};

use crate::support::api::{Api, Door, Request, VALUE, discreet, policy, text, wait_until};
use crate::support::vault::{ROOT, TestVault};

/// A namespace of its own, where nobody else makes tokens, and a vault with the credentials of an `AppRole` in it.
fn alone(name: &str, settings: &Value) -> (Api, TestVault) {
    let api = Api::shared().in_namespace(name);
    let vault = TestVault::locked_in(&api).with_approle_in(&api, settings);
    (api, vault)
}

/// The server clears a token away a moment after its last use.
#[track_caller]
fn all_gone(api: &Api) {
    wait_until("the end of the tokens", || api.accessors() == 0);
}

const LOGIN: &str = "POST auth/approle/login";
const READ: &str = "GET secret/a";
const REVOKE: &str = "POST auth/token/revoke-self";

#[test]
fn fifty_starts_leave_no_token_behind() {
    let (api, vault) = alone("fifty", &json!({}));
    let before = api.accessors();
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| (0..10).for_each(|_| drop(vault.enters_silently())));
        }
    });
    assert_eq!(api.accessors(), before);
    assert_eq!(vault.requests().iter().filter(|request| *request == REVOKE).count(), 50);
    vault.args(["--no-revoke"]).enters_silently();
    assert_eq!(api.accessors(), before + 1, "which tells that they were counted");
}

#[test]
fn the_token_is_gone_before_the_program_starts() {
    let (_, vault) = alone("before", &json!({}));
    // The program itself asks which tokens there are; the server says 404 if there are none.
    let script = r#"curl -s -o /dev/null -w '%{http_code}' -H "X-Vault-Token: $0" -H "X-Vault-Namespace: before" \
                    "$VAULT_ADDR/v1/auth/token/accessors?list=true""#;
    let program = ["sh", "-c", script, ROOT];
    vault.run(program).exits(0).stdout_is("404");
    vault.args(["--no-revoke"]).run(program).exits(0).stdout_is("200");
}

#[test]
fn a_token_that_was_given_is_left_alone() {
    let vault = TestVault::locked();
    let token = text(&vault.asking("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    let vault = vault.env("VAULT_TOKEN", &token);
    vault.enters();
    vault.enters_silently();
    assert!(vault.requests().iter().all(|request| *request == vault.fill("GET {kv}/data/a")));
    assert!(Api::shared().knows(&token));
}

#[test]
fn a_token_that_is_kept_is_not_revoked_and_works_in_the_program() {
    let (api, vault) = alone("kept", &json!({}));
    let bao = crate::support::vault::bao();
    let program = [bao, "kv", "get", "-field=k", "-mount=secret", "a"];
    let kept = vault.clone().args(["--keep-token"]);
    kept.run(program).exits(0).stdout_is(VALUE).stderr_is("");
    assert_eq!(vault.requests().iter().filter(|request| *request == REVOKE).count(), 0);
    let outcome = kept.args(["-vv", "--log-format", "json"]).environ();
    discreet(&vault, &outcome);
    let mut logins = vault.exchanges().into_iter().filter(|exchange| exchange.request.target.ends_with("/login"));
    let token = text(&logins.next_back().unwrap().answer()["auth"]["client_token"]);
    let _ = outcome.has("VAULT_TOKEN", &token).lacks("VAULT_SECRET_ID");
    assert!(api.knows(&token));
}

#[test]
fn a_token_may_be_left_alive_without_being_passed_on() {
    let (api, vault) = alone("left", &json!({}));
    for (number, vault) in
        [vault.clone().args(["--no-revoke"]), vault.clone().env("VAULT_EXEC_NO_REVOKE", "1")].into_iter().enumerate()
    {
        vault.enters().lacks("VAULT_TOKEN");
        assert_eq!(api.accessors(), number + 1);
    }
}

#[test]
fn a_token_is_revoked_although_the_read_failed() {
    let (api, vault) = alone("failed", &json!({}));
    vault.clone().args(["--path", "secret/b"]).is_refused(
        "vault-exec: read secret/b: permission denied (403)\n\
         hint: a policy of the token must hold\n\
         path \"secret/b\" {\n  capabilities = [\"read\"]\n}\n",
    );
    assert_eq!(vault.requests().last().unwrap(), REVOKE);
    assert_eq!(api.accessors(), 0);
    vault.args(["--require", "ABSENT"]).is_refused(
        "vault-exec: --require: not set or empty: ABSENT\n\
         hint: add the keys to a secret that --path names, or set the variables\n",
    );
    assert_eq!(api.accessors(), 0);
}

#[test]
fn a_batch_token_needs_no_revocation() {
    let (api, vault) = alone("batch", &json!({"token_type": "batch"}));
    vault.enters_silently();
    vault.enters();
    assert_eq!(vault.requests(), [LOGIN, READ, LOGIN, READ]);
    assert_eq!(api.accessors(), 0);
}

#[test]
fn a_token_of_limited_use_is_enough() {
    for (uses, expected) in [(1, &[LOGIN, READ][..]), (2, &[LOGIN, READ, REVOKE]), (3, &[LOGIN, READ, REVOKE])] {
        let (api, vault) = alone(&format!("uses-{uses}"), &json!({"token_num_uses": uses}));
        vault.enters_silently();
        assert_eq!(vault.requests(), expected, "{uses}");
        vault.enters();
        all_gone(&api);
    }
}

#[test]
fn a_token_of_limited_use_pays_for_each_path() {
    let (api, vault) = alone("pays", &json!({"token_num_uses": 3}));
    for name in ["b", "c", "d"] {
        api.post(&format!("secret/{name}"), &json!({name: "v"}));
    }
    api.post("sys/policies/acl/reader", &policy("secret/*"));
    let three = vault.clone().args(["--path", "secret/b", "--path", "secret/c"]);
    three.enters_silently();
    assert_eq!(vault.requests().len(), 4, "one for the login, three for the paths");
    all_gone(&api);

    does_not_suffice(&three.args(["--path", "secret/d"]));
    all_gone(&api);
}

#[test]
fn a_token_of_limited_use_pays_for_each_question() {
    // The question for the kind of the mount is free: the server answers it to strangers, too.
    for (uses, more) in [(2, &[][..]), (3, &[REVOKE]), (4, &[REVOKE])] {
        let (api, vault) = alone(&format!("asks-{uses}"), &json!({"token_num_uses": uses}));
        vault.clone().args(["--kv", "auto"]).enters_silently();
        let expected = [&[LOGIN, "GET secret/data/a", "GET sys/internal/ui/mounts/secret/a", READ], more].concat();
        assert_eq!(vault.requests(), expected, "{uses}");
        all_gone(&api);
    }
}

#[test]
fn a_token_of_too_little_use_is_called_that() {
    let (api, vault) = alone("little", &json!({"token_num_uses": 1}));
    does_not_suffice(&vault.clone().args(["--path", "secret/a"]));
    // The last use went into the answer: there is none left to find out more, and no need to.
    api.post("sys/policies/acl/reader", &policy("secret/b"));
    vault.is_refused(
        "vault-exec: read secret/a: permission denied (403)\n\
         hint: a policy of the token must hold\n\
         path \"secret/a\" {\n  capabilities = [\"read\"]\n}\n",
    );
    assert_eq!(vault.requests()[vault.requests().len() - 2..], [LOGIN, READ]);
    all_gone(&api);
}

/// The server may answer 500 at first where two requests fight for the last use.
#[track_caller]
fn does_not_suffice(vault: &TestVault) {
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let end = ": permission denied (403): the token of the login was good for fewer requests than this takes\n\
               hint: raise token_num_uses of the role, or save requests with --kv and --mount\n";
    assert!(outcome.stderr.ends_with(end), "{outcome}");
    discreet(vault, &outcome);
}

#[test]
fn a_revocation_that_is_refused_is_a_warning() {
    let (api, vault) =
        alone("warned", &json!({"token_no_default_policy": true, "token_policies": ["reader", "forever"]}));
    let forever = r#"path "auth/token/revoke-self" { capabilities = ["deny"] }"#;
    api.post("sys/policies/acl/forever", &json!({"policy": forever}));
    let warning = |why: &str| {
        format!("vault-exec: the token of the login could not be revoked and lives on until it expires: {why}\n")
    };
    vault.environ().has("K", VALUE).stderr_is(&warning("403"));
    vault.enters();
    assert_eq!(api.accessors(), 2);

    let (_, vault) = alone("broken", &json!({}));
    let broken = |request: &Request| request.target.ends_with("/revoke-self").then(|| (500, "canary".to_owned()));
    let vault = vault.behind_door(broken);
    vault.environ().has("K", VALUE).stderr_is(&warning("500"));
    assert_eq!(vault.requests(), [LOGIN, READ, REVOKE], "the program does not wait for another try");
}
