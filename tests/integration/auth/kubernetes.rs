//! The real `kubernetes` method, with a fake `TokenReview` API.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::auth::jwt::seconds;
use crate::auth::signer::Signer;
use crate::support::api::Api;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::http::Request;
use crate::support::login::VALUE;
use crate::support::tls::Authority;
use crate::support::vault::TestVault;

/// The issuer of the cluster's tokens.
static CLUSTER: LazyLock<Signer> = LazyLock::new(|| {
    let authority = Authority::new("test");
    let tls = authority.server_config("127.0.0.1", rustls::DEFAULT_VERSIONS, None);
    let cluster = FakeServer::handling(Some(tls), review).forever();
    let config = json!({
        "kubernetes_host": cluster.url(), "kubernetes_ca_cert": authority.pem(),
        "token_reviewer_jwt": REVIEWER, "disable_local_ca_jwt": true,
    });
    Api::shared().post("auth/kubernetes/config", &config);
    Signer::new()
});

const REVIEWER: &str = "canary-of-the-reviewer";

/// The suffix of a token that the cluster rejects.
const UNKNOWN: &str = "unknown";

/// <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/>
fn review(request: &Request) -> Reply {
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    if (request.method(), request.target()) != ("POST", path)
        || request.header("Authorization") != Some(&format!("Bearer {REVIEWER}"))
    {
        return Reply::answer(401, json!({"kind": "Status", "status": "Failure", "code": 401}).to_string());
    }
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let known = body["spec"]["token"].as_str().is_some_and(|token| !token.ends_with(UNKNOWN));
    let status = if known {
        json!({"authenticated": true, "audiences": body["spec"]["audiences"], "user": {
            "username": "system:serviceaccount:shop:web", "uid": "1", "groups": ["system:serviceaccounts"],
        }})
    } else {
        json!({"authenticated": false, "error": "canary"})
    };
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status});
    Reply::answer(201, review.to_string())
}

/// The token of the service account `web` in the namespace `shop`.
fn service_account() -> String {
    CLUSTER.sign(&json!({
        "iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"],
        "sub": "system:serviceaccount:shop:web", "iat": seconds(-60), "nbf": seconds(-60), "exp": seconds(600),
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": "1"}},
    }))
}

/// A locked test vault with the role `{kv}` for that service account, whose token is in the file `jwt`.
pub(crate) fn in_pod() -> TestVault {
    LazyLock::force(&CLUSTER);
    let vault = TestVault::locked().file("jwt", service_account() + "\n").args(["--auth", "kubernetes"]);
    let role = json!({
        "bound_service_account_names": ["web"], "bound_service_account_namespaces": ["shop"], "token_policies": ["{kv}"],
    });
    vault.post("auth/kubernetes/role/{kv}", &role);
    vault
}

const REFUSED: &str = "vault-exec: log in at auth/kubernetes: the server rejected the credential (400); the server reports: \
                       invalid role name \"none\"\n\
                       hint: check --role, and that the token has its audience and subject and has not expired\n";

#[test]
fn a_service_account_logs_in() {
    let vault = in_pod().args(["--role", "{kv}"]);
    vault.clone().args(["--jwt-file", "jwt"]).enters_silently();
    vault.clone().args(["--jwt-file", "{home}/jwt"]).enters();
    vault.clone().env("VAULT_EXEC_JWT_FILE", "jwt").enters();
    let requests = vault.requests();
    let expected = ["POST auth/kubernetes/login", "GET {kv}/data/a", "POST auth/token/revoke-self"];
    assert_eq!(requests[..3], expected.map(|request| vault.fill(request)));
}

/// The variables that stand where `VAULT_AUTH_METHOD`, `VAULT_PATH` and `VAULT_ROLE` of vault-env stood.
#[test]
fn a_deployment_of_vault_env_logs_in() {
    let vault = in_pod().with_only("--references").env("A", "vault:{kv}/data/a#k");
    let vault = vault.env("VAULT_EXEC_AUTH", "kubernetes").env("VAULT_EXEC_AUTH_MOUNT", "kubernetes");
    let vault = vault.env("VAULT_EXEC_ROLE", "{kv}").env("VAULT_EXEC_JWT_FILE", "jwt");
    for name in ["VAULT_AUTH_METHOD", "VAULT_PATH", "VAULT_ROLE", "VAULT_ENV_PASSTHROUGH"] {
        vault.clone().env(name, "other").environ().has("A", VALUE).has(name, "other").lacks("K");
    }
    let requests = vault.requests();
    let expected = ["POST auth/kubernetes/login", "GET {kv}/data/a", "POST auth/token/revoke-self"];
    assert_eq!(requests[..3], expected.map(|request| vault.fill(request)));
}

/// Runs vault-exec after a script that fills an empty `/var/run`.
fn with_run_of_its_own(vault: TestVault, script: &str) -> TestVault {
    vault.with_mounts(&format!("mount -t tmpfs none /var/run && {script}"))
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn the_service_account_token_has_a_default_path() {
    let vault = in_pod().args(["--role", "{kv}"]);
    let place = "/var/run/secrets/kubernetes.io/serviceaccount";
    let put = format!("mkdir -p {place} && cp jwt {place}/token");
    with_run_of_its_own(vault.clone(), &put).enters();

    let message = format!(
        "vault-exec: log in at auth/kubernetes: the service account of the pod (or give --jwt-file): {place}/token: \
         No such file or directory\nhint: check that it exists and that the user of vault-exec can read it\n"
    );
    let outside = with_run_of_its_own(vault, "true");
    outside.is_refused(&message);
    // VAULT_JWT is for the jwt method.
    outside.env("VAULT_JWT", service_account()).is_refused(&message);
}

#[test]
fn a_wrong_role_or_account_is_refused() {
    let vault = in_pod().args(["--jwt-file", "jwt"]);
    vault
        .is_refused("vault-exec: --auth kubernetes requires --role\nhint: give both, or leave --auth kubernetes out\n");
    vault.clone().args(["--role", "none"]).is_refused(REFUSED);

    let other = json!({
        "bound_service_account_names": ["db"], "bound_service_account_namespaces": ["shop"], "token_policies": ["{kv}"],
    });
    vault.post("auth/kubernetes/role/other-{kv}", &other);
    let refused = |reason: &str| {
        format!(
            "vault-exec: log in at auth/kubernetes: the server rejected the credential (403){reason}\n\
             hint: check that the method is mounted there (--auth-mount); if it is, check --role, and that the token has \
             its audience and subject and has not expired\n"
        )
    };
    let reason = "; the server reports: service account name not authorized";
    vault.clone().args(["--role", "other-{kv}"]).is_refused(&refused(reason));
    let vault = vault.args(["--role", "{kv}"]);
    vault.clone().file("jwt", service_account() + UNKNOWN).is_refused(&refused(""));
    vault.file("jwt", "canary-that-is-no-jwt").is_refused(&refused(""));
}
