//! Credentials that are refused, damaged, missing, wrapped, or in responses.

use serde_json::json;

use crate::leaks::canary::canary;
use crate::leaks::server::agents;
use crate::leaks::{Cases, echoes, errors, refusal, reply, secret, secret_text, with_canaries};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::vault::TestVault;

const APPROLE: [&str; 4] = ["--auth", "approle", "--role-id", "me"];
const METHODS: [(&str, &[&str]); 5] = [
    ("approle/login", &APPROLE),
    ("jwt/login", &["--auth", "jwt", "--role", "ci"]),
    ("jwt/login", &["--auth", "jwt"]),
    ("userpass/login/me", &["--auth", "userpass", "--username", "me"]),
    ("ldap/login/me", &["--auth", "ldap", "--username", "me"]),
];

/// The response to a login.
fn auth(more: &serde_json::Value) -> Reply {
    let mut auth =
        json!({"client_token": canary("token of a login"), "accessor": canary("header"), "lease_duration": 60});
    auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    reply(200, json!({"request_id": "1", "auth": auth, "warnings": [canary("server's words")]}).to_string())
}

/// A server with this response to a login, and a secret for all other requests.
fn login(path: &str, answer: Reply) -> FakeServer {
    FakeServer::answering([secret()]).and_at(&format!("auth/{path}"), [answer])
}

pub(super) fn add(cases: &mut Cases) {
    for (path, options) in METHODS {
        for answer in [
            auth(&json!({})),
            refusal(400),
            refusal(403),
            refusal(500),
            reply(200, canary("value")),
            reply(
                200,
                json!({"auth": {"client_token": {"a": canary("token of a login")}, "num_uses": canary("value")}})
                    .to_string(),
            ),
            auth(&json!({"client_token": ""})),
        ] {
            cases.server(
                move || login(path, answer.clone()),
                move |fake| with_canaries(fake.vault()).args(options.iter().copied()).args(["--attempts", "1"]),
            );
        }
    }
    for (credential, options) in [
        ("secret_id", &APPROLE[..]),
        ("jwt", &["--auth", "jwt"]),
        ("password", &["--auth", "userpass", "--username", "me"]),
    ] {
        for (reasons, status) in
            echoes(canary(credential)).into_iter().flat_map(|reasons| [(reasons.clone(), 400), (reasons, 500)])
        {
            cases.server(
                move || FakeServer::answering([errors(status, &reasons)]),
                move |fake| with_canaries(fake.vault()).args(options.iter().copied()).args(["--attempts", "1"]),
            );
        }
    }
    answers(cases);
    credentials(cases);
    wrapped(cases);
    github(cases);
}

fn answers(cases: &mut Cases) {
    let approle = |fake: &FakeServer| with_canaries(fake.vault()).args(APPROLE);
    for words in ["no handler for route", "namespace not found"] {
        let errors = json!({"errors": [format!("{words} {}", canary("secret_id"))]}).to_string();
        cases.server(move || login("approle/login", reply(404, errors.clone())), approle);
    }
    for answer in [
        auth(&json!({"client_token": format!("{}é", canary("token of a login"))})),
        auth(&json!({"token_type": "batch"})),
        auth(&json!({"client_token": format!("{}\n", canary("token of a login"))})),
    ] {
        cases.server(move || login("approle/login", answer.clone()), approle);
    }
    // The only use of the token is spent by the first read, which fails.
    cases.server(
        || {
            let mount = json!({"data": {"type": "kv", "path": "secret/", "options": null}}).to_string();
            let fake = login("approle/login", auth(&json!({"num_uses": 1}))).and_at("secret/data/app", [refusal(403)]);
            fake.and_at("sys/internal/ui/mounts/secret/app", [reply(200, mount)]).and_at("secret/app", [refusal(403)])
        },
        approle,
    );
    for revocation in [Reply::answer(204, ""), refusal(403), Reply::closed()] {
        cases.server(
            move || login("approle/login", auth(&json!({}))).and_at("auth/token/revoke-self", [revocation.clone()]),
            approle,
        );
    }
    cases.server(
        || login("approle/login", auth(&json!({}))).and_at("secret/data/app", [refusal(403)]),
        |fake| with_canaries(fake.vault()).args(APPROLE).args(["--namespace", "a", "--auth-namespace", "a/b"]),
    );
    let life = |ttl: u64| {
        move || {
            let data = json!({"ttl": ttl, "policies": ["app"], "id": canary("token"), "meta": {"a": canary("value")}});
            FakeServer::answering([secret()])
                .and_at("auth/token/lookup-self", [reply(200, json!({"data": data}).to_string())])
        }
    };
    cases.server(life(60), |fake| with_canaries(fake.vault()));
    cases.server(life(0), |fake| with_canaries(fake.vault()).args(["--keep-token"]));
    cases.server(|| FakeServer::answering([reply(200, secret_text())]), agents);
}

/// Damaged, missing, or in something other than a file.
fn credentials(cases: &mut Cases) {
    let vault = || {
        with_canaries(TestVault::bare())
            .args(["--path", "secret/app", "--attempts", "1"])
            .env("VAULT_ADDR", "http://127.0.0.1:1")
    };
    for damage in ["\u{7}x", "\nX-Odd: 1", "é"] {
        for (_, options) in METHODS {
            let damaged = move |name| format!("{}{damage}", canary(name));
            cases.call(move || {
                vault()
                    .args(options.iter().copied())
                    .env("VAULT_SECRET_ID", damaged("secret_id"))
                    .env("VAULT_JWT", damaged("jwt"))
                    .env("VAULT_PASSWORD", damaged("password"))
            });
        }
        cases.call(move || vault().env("VAULT_TOKEN", format!("{}{damage}", canary("token"))));
    }
    let incomplete = move || vault().without("VAULT_TOKEN").without("VAULT_JWT");
    cases.call(incomplete);
    cases.call(move || incomplete().without("VAULT_SECRET_ID"));
    let without = move || incomplete().without("VAULT_SECRET_ID").without("VAULT_PASSWORD");
    cases.call(without);
    cases.call(move || without().without("HOME"));
    cases.call(move || without().env("BAO_TOKEN", ""));
    cases.call(move || vault().env("VAULT_TOKEN", " \n"));
    cases.call(move || without().file(".vault-token", canary("token at home")));
    cases.call(move || without().file(".vault-token", [canary("token at home").as_bytes(), b"\xff"].concat()));
    cases.call(move || without().under_sh(r#"mkdir .vault-token; exec "$@""#));
    let file = move || without().args(["--token-file", "{home}/token"]);
    cases.call(file);
    cases.call(move || file().file("token", canary("token").repeat(30_000)));
    cases.call(move || file().under_sh(r#"mkfifo token; exec "$@""#).args(["--timeout", "200ms"]));
    cases.call(move || file().under_sh(r#"mkdir token; exec "$@""#));
    cases.call(move || vault().args(["--auth", "kubernetes", "--role", "app"]));
}

/// A wrapping token that a request of this path created.
fn lookup(path: &str) -> Reply {
    reply(200, json!({"request_id": "1", "data": {"creation_path": path}}).to_string())
}

fn wrapped(cases: &mut Cases) {
    let of_secret_id = "auth/approle/role/app/secret-id";
    for answer in [lookup(canary("server's words")), refusal(400), reply(200, canary("value")), Reply::closed()] {
        let other = answer.clone();
        cases.server(
            move || FakeServer::answering([secret()]).and_at("sys/wrapping/lookup", [answer.clone()]),
            |fake| {
                let vault = with_canaries(fake.vault()).env("VAULT_TOKEN", canary("wrapping token"));
                vault.args(["--unwrap-token", "--attempts=1"])
            },
        );
        cases.server(
            move || {
                let fake = FakeServer::answering([secret()]).and_at("sys/wrapping/lookup", [lookup(of_secret_id)]);
                fake.and_at("sys/wrapping/unwrap", [other.clone()])
            },
            |fake| {
                let vault = with_canaries(fake.vault()).env("VAULT_SECRET_ID", canary("wrapping token"));
                vault.args(APPROLE).args(["--secret-id-wrapped", "--attempts=1"])
            },
        );
    }
    // A secret_id that is used up by a login whose response is lost.
    cases.server(
        || FakeServer::answering([secret()]).and_at("auth/approle/login", [Reply::status(502), refusal(400)]),
        |fake| with_canaries(fake.vault()).args(APPROLE),
    );
    cases.server(
        || FakeServer::answering([secret()]).and_at("auth/approle/login", [errors(400, &["missing secret_id"])]),
        |fake| with_canaries(fake.vault()).args(APPROLE).without("VAULT_SECRET_ID"),
    );
    for answer in [
        auth(&json!({})),
        auth(&json!({"client_token": format!("{}é", canary("token of a login"))})),
        reply(200, json!({"data": {"token": canary("token of a login")}}).to_string()),
        reply(200, json!({"data": {"secret_id": canary("secret_id")}}).to_string()),
        reply(200, json!({"data": {"password": canary("value")}}).to_string()),
        reply(200, canary("value")),
        refusal(400),
        refusal(500),
    ] {
        let other = answer.clone();
        cases.server(
            move || {
                let fake = FakeServer::answering([secret()]).and_at("sys/wrapping/unwrap", [answer.clone()]);
                fake.and_at("sys/wrapping/lookup", [lookup("auth/token/create")])
            },
            |fake| {
                with_canaries(fake.vault()).env("VAULT_TOKEN", canary("wrapping token")).args([
                    "--unwrap-token",
                    "--attempts",
                    "1",
                ])
            },
        );
        cases.server(
            move || {
                let fake = login("approle/login", auth(&json!({}))).and_at("sys/wrapping/unwrap", [other.clone()]);
                fake.and_at("sys/wrapping/lookup", [lookup(of_secret_id)])
            },
            |fake| {
                let vault = with_canaries(fake.vault()).env("VAULT_SECRET_ID", canary("wrapping token"));
                vault.args(APPROLE).args(["--secret-id-wrapped", "--attempts", "1"])
            },
        );
    }
}

fn github(cases: &mut Cases) {
    let asked = |fake: &FakeServer, bearer: &str| {
        let service = format!("{}/token?secret={}", fake.url(), canary("query"));
        let vault = with_canaries(fake.vault()).without("VAULT_TOKEN").without("VAULT_JWT").args([
            "--auth=jwt",
            "--role=ci",
            "--attempts=1",
        ]);
        vault.env("ACTIONS_ID_TOKEN_REQUEST_URL", service).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", bearer)
    };
    for answer in [
        reply(200, json!({"value": canary("jwt")}).to_string()),
        reply(401, json!({"value": canary("jwt"), "message": canary("request token")}).to_string()),
        reply(200, canary("value")),
        refusal(503),
        refusal(307).header("Location", &format!("http://127.0.0.1:1/{}", canary("query"))),
        refusal(307).header("Location", &format!("http://{}.test", canary("request token"))),
        Reply::closed(),
    ] {
        cases.server(
            move || FakeServer::answering([answer.clone()]).and_at("auth/jwt/login", [auth(&json!({}))]),
            move |fake| asked(fake, canary("request token")),
        );
    }
    cases.server(
        || FakeServer::answering([secret()]),
        move |fake| asked(fake, &format!("{}\n", canary("request token"))),
    );
}
