//! JWTs from variables, from files and from GitHub Actions.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::auth::signer::Signer;
use crate::support::api::Api;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::http::Request;
use crate::support::login::VALUE;
use crate::support::process::free_port;
use crate::support::vault::TestVault;

/// The issuer that `auth/jwt` trusts.
static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let signer = Signer::new();
    let config =
        json!({"jwt_validation_pubkeys": [signer.pem()], "bound_issuer": "https://ci.example", "default_role": ""});
    Api::shared().post("auth/jwt/config", &config);
    signer
});

/// The message with the server's reason.
fn refused(reason: &str) -> String {
    format!(
        "vault-exec: log in at auth/jwt: the server rejected the credential (400); the server reports: {reason}\n\
         hint: check --role, and that the token has its audience and subject and has not expired\n"
    )
}

const NOT_A_JWT: &str = "error validating token: error verifying token signature: go-jose/go-jose: compact JWS format \
                         must have three parts";

const OTHER_AUDIENCE: &str =
    "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience";

/// The time `from_now` seconds from now, in seconds since 1970.
pub(crate) fn seconds(from_now: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + from_now
}

fn claims(subject: &str, audience: &str, life: i64) -> Value {
    json!({
        "iss": "https://ci.example", "sub": subject, "aud": audience,
        "iat": seconds(-600), "nbf": seconds(-600), "exp": seconds(life),
    })
}

pub(crate) fn jwt(audience: &str) -> String {
    SIGNER.sign(&claims("repo:app", audience, 300))
}

/// A locked test vault with the role `{kv}` for `repo:app`.
fn locked() -> TestVault {
    LazyLock::force(&SIGNER);
    let vault = TestVault::locked();
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_subject": "repo:app", "bound_audiences": ["vault"],
        "token_policies": ["{kv}"], "clock_skew_leeway": -1, "expiration_leeway": -1,
    });
    vault.post("auth/jwt/role/{kv}", &role);
    vault
}

pub(crate) fn with_role() -> TestVault {
    locked().args(["--role", "{kv}"])
}

#[test]
fn a_jwt_logs_in() {
    let vault = with_role();
    vault.clone().env("VAULT_JWT", jwt("vault")).enters_silently();
    vault.clone().env("VAULT_JWT", jwt("vault") + "\n").enters();
    vault.clone().env("BAO_JWT", jwt("vault")).env("VAULT_JWT", "wrong").enters();
    vault.clone().env("VAULT_ID_TOKEN", jwt("vault")).enters_silently();
    vault.clone().env("BAO_ID_TOKEN", jwt("vault")).enters();
    let file = vault.file("jwt", format!("{}\r\n", jwt("vault")));
    file.clone().args(["--jwt-file", "{home}/jwt"]).enters();
    file.clone().env("VAULT_JWT_FILE", "jwt").enters_silently();
    file.env("VAULT_JWT", "wrong").args(["--auth", "jwt", "--jwt-file", "jwt"]).is_refused(&refused(NOT_A_JWT));
}

#[test]
fn the_role_may_be_the_default_of_the_method() {
    let vault = locked();
    vault.post("sys/auth/jwt-{kv}", &json!({"type": "jwt"}));
    let config = json!({"jwt_validation_pubkeys": [SIGNER.pem()], "default_role": "app"});
    vault.post("auth/jwt-{kv}/config", &config);
    let role =
        json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": ["{kv}"]});
    vault.post("auth/jwt-{kv}/role/app", &role);
    let vault = vault.env("VAULT_JWT", jwt("vault"));
    vault.clone().args(["--auth-mount", "jwt-{kv}"]).enters_silently();
    vault
        .clone()
        .args(["--auth-mount", "jwt-{kv}", "--role", "none"])
        .is_refused(&refused("role \"none\" could not be found").replace("/jwt", "/jwt-{kv}"));
    vault.is_refused(
        "vault-exec: log in at auth/jwt: the server rejected the credential (400); the server reports: missing role\n\
         hint: give a role with --role, and check that the token is valid for it and has not expired\n",
    );
}

#[test]
fn an_invalid_jwt_is_refused() {
    let vault = with_role();
    let rejects = |jwt: &str, reason: &str| vault.clone().env("VAULT_JWT", jwt).is_refused(&refused(reason));
    let expired = "error validating token: invalid expiration time (exp) claim: token is expired";
    rejects(&SIGNER.sign(&claims("repo:app", "vault", -300)), expired);
    rejects(&jwt("pypi"), OTHER_AUDIENCE);
    rejects(&SIGNER.sign(&claims("repo:other", "vault", 300)), "error validating token: invalid subject (sub) claim");
    rejects(
        &Signer::new().sign(&claims("repo:app", "vault", 300)),
        "error validating token: error verifying token signature: no known key successfully validated the token signature",
    );
    rejects("canary-that-is-no-jwt", NOT_A_JWT);
    let none = refused("role \"none\" could not be found");
    vault.clone().args(["--role", "none"]).env("VAULT_JWT", jwt("vault")).is_refused(&none);
    vault.clone().args(["--auth", "jwt"]).is_refused(
        "vault-exec: --auth jwt requires a JWT: VAULT_JWT, VAULT_ID_TOKEN (on GitLab from `id_tokens`), --jwt-file or \
         VAULT_JWT_FILE, or on GitHub Actions the permission `id-token: write`\n",
    );
    vault.args(["--jwt-file", "{home}/none"]).is_refused(
        "vault-exec: log in at auth/jwt: --jwt-file: {home}/none: No such file or directory\nhint: check that it \
         exists and that the user of vault-exec can read it\n",
    );
}

/// A credential of a job on GitHub, which the program inherits unless vault-exec used it.
const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// What GitHub does for a job: it signs for the audience that is asked for, or for its own.
fn github(request: &Request) -> Reply {
    let audience = match request.target().strip_prefix("/token?api-version=2.0") {
        Some("") => "https://github.com/example",
        Some("&audience=vault") => "vault",
        Some("&audience=https%3A%2F%2Fvault.example%2F%3Fa%26b") => "https://vault.example/?a&b",
        _ => return Reply::answer(404, "{}"),
    };
    match (request.method(), request.header("Authorization")) {
        ("GET", Some("Bearer canary-of-the-job")) => {
            Reply::answer(200, json!({"count": 1, "value": jwt(audience)}).to_string())
        }
        _ => Reply::answer(401, json!({"value": "canary", "message": "canary"}).to_string()),
    }
}

pub(crate) fn on_github(vault: TestVault, path: &str) -> TestVault {
    let service = FakeServer::handling(None, github).forever();
    vault
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}{path}", service.url()))
        .env(REQUEST_TOKEN, "canary-of-the-job")
}

#[test]
fn a_github_job_requests_its_id_token() {
    let vault = on_github(with_role(), "/token?api-version=2.0").without("HTTPS_PROXY");
    let vault = vault.env("http_proxy", "http://127.0.0.1:1");
    vault.clone().args(["--jwt-audience", "vault"]).enters_silently().lacks(REQUEST_TOKEN);
    let outcome = vault.clone().args(["--jwt-audience", "vault"]).run(["true"]).exits(0);
    assert_eq!(outcome.stderr, "");
    vault.clone().env("VAULT_EXEC_JWT_AUDIENCE", "vault").args(["--auth", "jwt", "-vv"]).environ().has("K", VALUE);
    // A given JWT has priority over a request.
    vault
        .clone()
        .args(["--jwt-audience", "none"])
        .env("VAULT_JWT", jwt("vault"))
        .enters_silently()
        .has(REQUEST_TOKEN, "canary-of-the-job");
    // The default audience is GitHub's own.
    vault.clone().is_refused(&refused(OTHER_AUDIENCE));
    vault.clone().args(["--jwt-audience", "https://vault.example/?a&b"]).is_refused(&refused(OTHER_AUDIENCE));
}

#[test]
fn a_github_job_without_a_role_requests_no_id_token() {
    let vault = on_github(locked(), "/token?api-version=2.0");
    vault.is_refused(
        "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and {home}/.vault-token does not \
         exist\n\
         hint: set VAULT_TOKEN, give a --token-file, choose an --auth method, or log in with `vault \
         login`\n",
    );
}

#[test]
fn a_github_job_without_permission_gets_a_hint() {
    let vault = on_github(with_role(), "/token?api-version=2.0").args(["--jwt-audience", "vault"]);
    let refused = |status: u16| {
        format!(
            "vault-exec: log in at auth/jwt: request a token from GitHub Actions: the response ({status}) contains \
             no token\n\
             hint: the job needs `permissions: id-token: write`\n"
        )
    };
    let wrong = vault.clone().env(REQUEST_TOKEN, "hunter2-of-the-job");
    wrong.is_refused(&refused(401));
    on_github(vault.clone(), "/elsewhere?").is_refused(&refused(404));
    assert_eq!(vault.requests(), [""; 0], "Vault is not asked without a token");

    let service = FakeServer::answering([Reply::answer(200, "{}")]);
    vault.clone().env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/", service.url())).is_refused(&refused(200));
    for value in [r#""""#, r#"{"a":1}"#] {
        let service = FakeServer::answering([Reply::answer(200, format!(r#"{{"value":{value}}}"#))]);
        vault.clone().env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/", service.url())).is_refused(&refused(200));
    }
    vault.clone().without("ACTIONS_ID_TOKEN_REQUEST_URL").args(["--auth", "jwt"]).is_refused(
        "vault-exec: --auth jwt requires a JWT: VAULT_JWT, VAULT_ID_TOKEN (on GitLab from `id_tokens`), --jwt-file or \
         VAULT_JWT_FILE, or on GitHub Actions the permission `id-token: write`\n",
    );
}

#[test]
fn a_request_to_github_is_not_redirected() {
    let other = FakeServer::answering([Reply::answer(200, r#"{"value":"canary"}"#)]);
    let service = FakeServer::answering([Reply::redirect(307, &other.url())]);
    let vault = with_role().env(REQUEST_TOKEN, "canary-of-the-job").args(["--auth", "jwt"]);
    vault.env("ACTIONS_ID_TOKEN_REQUEST_URL", service.url()).fails(&format!(
        "vault-exec: log in at auth/jwt: request a token from GitHub Actions: {}: redirected to {}, but the credential \
         is meant for this service alone\n\
         hint: give the address of the server that answers; this one is from ACTIONS_ID_TOKEN_REQUEST_URL\n",
        service.url(),
        other.url()
    ));
    assert!(other.requests().is_empty());
}

#[test]
fn requests_to_github_are_retried() {
    let port = free_port();
    let vault = with_role()
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("http://127.0.0.1:{port}/token?secret=canary"))
        .env(REQUEST_TOKEN, "canary-of-the-job")
        .args(["--jwt-audience", "vault", "--attempts", "2", "--timeout", "5s"]);
    let service = format!("http://127.0.0.1:{port}/token: connection refused");
    vault.fails(&format!(
        "vault-exec: waiting for {service} (for 5s at most)\n\
         vault-exec: log in at auth/jwt: request a token from GitHub Actions: {service}; gave up after 2 attempts \
         (--attempts)\n\
         hint: check that the server runs and is reachable; \
         the address is from ACTIONS_ID_TOKEN_REQUEST_URL\n"
    ));
}
