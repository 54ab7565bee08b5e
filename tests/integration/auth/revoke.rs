//! Login tokens are revoked before the program starts; given tokens are not.

use std::thread;

use serde_json::{Value, json};

use crate::support::api::{Api, policy, text};
use crate::support::canary::assert_no_secrets;
use crate::support::http::Request;
use crate::support::login::VALUE;
use crate::support::openbao::{ROOT, bao};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// A locked test vault with the credentials of an `AppRole`.
fn with_approle(settings: &Value) -> TestVault {
    TestVault::locked_kv1().with_approle(settings)
}

/// The server removes a token a moment after its last use.
#[track_caller]
fn await_no_token(vault: &TestVault) {
    wait_until("the end of the tokens", || vault.token_count() == 0);
}

#[track_caller]
fn assert_requests(vault: &TestVault, expected: &[&str]) {
    let expected: Vec<_> = expected.iter().map(|request| vault.fill(request)).collect();
    assert_eq!(vault.requests(), expected);
}

fn revocations(vault: &TestVault) -> usize {
    vault.requests().iter().filter(|request| *request == REVOKE).count()
}

const LOGIN: &str = "POST auth/approle/login";
const READ: &str = "GET {kv}/a";
const REVOKE: &str = "POST auth/token/revoke-self";

#[test]
fn fifty_starts_leave_no_token_behind() {
    let vault = with_approle(&json!({}));
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| (0..10).for_each(|_| drop(vault.enters_silently())));
        }
    });
    assert_eq!(vault.token_count(), 0);
    assert_eq!(revocations(&vault), 50);
    vault.clone().args(["--no-revoke"]).enters_silently();
    assert_eq!(vault.token_count(), 1, "a token that is not revoked is counted");
}

/// Prints the number of tokens with a policy. Arguments: the server, the root token, the policy.
const COUNT_TOKENS: &str = r#"
import json, sys, urllib.error, urllib.request
server, token, policy = sys.argv[1:]
def ask(path, body=None):
    request = urllib.request.Request(f"{server}/v1/{path}", body and json.dumps(body).encode(), {"X-Vault-Token": token})
    try:
        return json.load(urllib.request.urlopen(request))["data"]
    except urllib.error.HTTPError:
        return {"keys": [], "policies": []}
accessors = ask("auth/token/accessors?list=true")["keys"]
tokens = [ask("auth/token/lookup-accessor", {"accessor": accessor}) for accessor in accessors]
print(sum(policy in token["policies"] for token in tokens))
"#;

#[test]
fn the_token_is_gone_before_the_program_starts() {
    let vault = with_approle(&json!({}));
    let (server, policy) = (Api::shared().origin, vault.fill("{kv}"));
    let program = ["python3", "-c", COUNT_TOKENS, &server, ROOT, &policy];
    vault.run(program).exits(0).stdout_is("0\n");
    vault.args(["--no-revoke"]).run(program).exits(0).stdout_is("1\n");
}

#[test]
fn a_given_token_is_not_revoked() {
    let vault = TestVault::locked();
    let token = text(&vault.post("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    let vault = vault.env("VAULT_TOKEN", &token);
    vault.enters();
    vault.enters_silently();
    assert!(vault.requests().iter().all(|request| *request == vault.fill("GET {kv}/data/a")));
    assert!(Api::shared().knows(&token));
}

#[test]
fn keep_token_passes_a_valid_token_to_the_program() {
    let vault = with_approle(&json!({}));
    let bao = bao();
    let program = [bao, "kv", "get", "-field=k", &vault.fill("-mount={kv}"), "a"];
    let kept = vault.clone().args(["--keep-token"]);
    kept.run(program).exits(0).stdout_is(VALUE).stderr_is("");
    assert_eq!(revocations(&vault), 0);
    let outcome = kept.args(["-vv", "--log-format", "json"]).environ();
    assert_no_secrets(&vault, &outcome);
    let mut logins = vault.exchanges().into_iter().filter(|exchange| exchange.request.target().ends_with("/login"));
    let token = text(&logins.next_back().unwrap().response()["auth"]["client_token"]);
    let _ = outcome.has("VAULT_TOKEN", &token).lacks("VAULT_SECRET_ID");
    assert!(Api::shared().knows(&token));
}

#[test]
fn no_revoke_leaves_the_token_valid() {
    let vault = with_approle(&json!({}));
    for (number, variant) in
        [vault.clone().args(["--no-revoke"]), vault.clone().env("VAULT_EXEC_NO_REVOKE", "1")].into_iter().enumerate()
    {
        variant.enters().lacks("VAULT_TOKEN");
        assert_eq!(vault.token_count(), number + 1);
    }
}

#[test]
fn the_token_is_revoked_after_a_failed_read() {
    let vault = with_approle(&json!({}));
    vault.clone().args(["--path", "{kv}/b"]).is_refused(
        "vault-exec: read {kv}/b: permission denied (403)\n\
         hint: a policy of the token must contain\n\n\
         path \"{kv}/b\" {\n  capabilities = [\"read\"]\n}\n",
    );
    assert_eq!(vault.requests().last().unwrap(), REVOKE);
    assert_eq!(vault.token_count(), 0);
    vault.clone().args(["--require", "ABSENT"]).is_refused(
        "vault-exec: --require: not set or empty: ABSENT\n\
         hint: add the keys to a secret that --path names, or set the variables\n",
    );
    assert_eq!(vault.token_count(), 0);
}

#[test]
fn a_batch_token_needs_no_revocation() {
    let vault = with_approle(&json!({"token_type": "batch"}));
    vault.enters_silently();
    vault.enters();
    assert_requests(&vault, &[LOGIN, READ, LOGIN, READ]);
    assert_eq!(vault.token_count(), 0);
}

#[test]
fn a_token_with_few_uses_suffices() {
    for (uses, expected) in [(1, &[LOGIN, READ][..]), (2, &[LOGIN, READ, REVOKE]), (3, &[LOGIN, READ, REVOKE])] {
        let vault = with_approle(&json!({"token_num_uses": uses}));
        vault.enters_silently();
        assert_requests(&vault, expected);
        vault.enters();
        await_no_token(&vault);
    }
}

#[test]
fn each_path_takes_one_use_of_the_token() {
    let vault = with_approle(&json!({"token_num_uses": 3}));
    for name in ["b", "c", "d"] {
        vault.post(&format!("{{kv}}/{name}"), &json!({name: "v"}));
    }
    vault.post("sys/policies/acl/{kv}", &policy("{kv}/*"));
    let three = vault.clone().args(["--path", "{kv}/b", "--path", "{kv}/c"]);
    three.enters_silently();
    assert_eq!(vault.requests().len(), 4, "one for the login, three for the paths");
    await_no_token(&vault);

    does_not_suffice(&three.args(["--path", "{kv}/d"]));
    await_no_token(&vault);
}

#[test]
fn a_lookup_of_the_mount_takes_no_use_of_the_token() {
    // The lookup of the mount takes no use: the server also answers unauthenticated clients.
    for (uses, more) in [(2, &[][..]), (3, &[REVOKE]), (4, &[REVOKE])] {
        let vault = with_approle(&json!({"token_num_uses": uses}));
        vault.clone().args(["--kv", "auto"]).enters_silently();
        let expected = [&[LOGIN, "GET {kv}/data/a", "GET sys/internal/ui/mounts/{kv}/a", READ], more].concat();
        assert_requests(&vault, &expected);
        await_no_token(&vault);
    }
}

#[test]
fn a_token_with_too_few_uses_is_reported() {
    let vault = with_approle(&json!({"token_num_uses": 1}));
    vault.post("{kv}/b", &json!({"b": "v"}));
    vault.post("sys/policies/acl/{kv}", &policy("{kv}/*"));
    does_not_suffice(&vault.clone().args(["--path", "{kv}/b"]));
    // The read took the last use, so there is no further lookup.
    vault.post("sys/policies/acl/{kv}", &policy("{kv}/b"));
    vault.is_refused(
        "vault-exec: read {kv}/a: permission denied (403)\n\
         hint: a policy of the token must contain\n\n\
         path \"{kv}/a\" {\n  capabilities = [\"read\"]\n}\n",
    );
    let requests = vault.requests();
    assert_eq!(requests[requests.len() - 2..], [LOGIN.to_owned(), vault.fill(READ)]);
    await_no_token(&vault);
}

/// The server may respond with 500 first if two requests compete for the last use.
#[track_caller]
fn does_not_suffice(vault: &TestVault) {
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let end = ": permission denied (403): the login token allows fewer requests than are needed\n\
               hint: raise token_num_uses of the role, or save requests with --kv and --mount\n";
    assert!(outcome.stderr.ends_with(end), "{outcome}");
    assert_no_secrets(vault, &outcome);
}

#[test]
fn a_failed_revocation_is_a_warning() {
    let settings = json!({"token_no_default_policy": true, "token_policies": ["{kv}", "forever-{kv}"]});
    let vault = with_approle(&settings);
    let forever = r#"path "auth/token/revoke-self" { capabilities = ["deny"] }"#;
    vault.post("sys/policies/acl/forever-{kv}", &json!({"policy": forever}));
    let warning = |why: &str| {
        format!("vault-exec: the login token could not be revoked and stays valid until it expires: {why}\n")
    };
    vault.environ().has("K", VALUE).stderr_is(&warning("403"));
    vault.enters();
    assert_eq!(vault.token_count(), 2);

    let vault = with_approle(&json!({}));
    let broken = |request: &Request| request.target().ends_with("/revoke-self").then(|| (500, "canary".to_owned()));
    let vault = vault.intercepted(broken);
    vault.environ().has("K", VALUE).stderr_is(&warning("500"));
    // The revocation is not retried.
    assert_requests(&vault, &[LOGIN, READ, REVOKE]);
}
