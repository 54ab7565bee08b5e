//! Requests with `--write`: secrets in fields, files, responses and reasons.

use serde_json::Value;

use crate::leaks::canary::canary;
use crate::leaks::{CHECK, Cases, echoes, errors, refusal, reply, with_canaries};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::vault::TestVault;

pub(super) fn add(cases: &mut Cases) {
    malformed(cases);
    files(cases);
    mounts(cases);
    answers(cases);
    lifetimes(cases);
}

/// A server with this mount for `pki/issue/web`, and these answers to the write.
fn pki(mount: &str, answers: impl IntoIterator<Item = Reply>) -> FakeServer {
    let mount = reply(200, format!(r#"{{"request_id":"1","data":{{"path":"pki/","type":"{mount}"}}}}"#));
    FakeServer::answering([refusal(403)])
        .and_at("sys/internal/ui/mounts/pki/issue/web", [mount])
        .and_at("pki/issue/web", answers)
}

fn calling(fake: &FakeServer) -> TestVault {
    let vault = with_canaries(TestVault::bare()).env("VAULT_ADDR", fake.url()).env("VAULT_CLIENT_TIMEOUT", "1s");
    let literal: String = canary("literal").bytes().map(percent_encoding::percent_encode_byte).collect();
    vault.file("field", canary("other value")).args([
        "--write".to_owned(),
        format!("pki/issue/web?common_name={literal}&csr=@field"),
        "--attempts".into(),
        "2".into(),
    ])
}

fn issued(more: &str) -> Reply {
    let key = Value::from(canary("value"));
    reply(200, format!(r#"{{"request_id":"1",{more}"data":{{"private_key":{key},"expiration":1}}}}"#))
}

fn malformed(cases: &mut Cases) {
    let secret = canary("command line");
    for write in [
        "pki/issue/web?S",
        "pki/issue/web?a=S&",
        "pki/issue/web?a=S%",
        "pki/issue/web?a=S%ff",
        "pki/issue/web&a=S",
        "pki/issue/web a=S",
        "pki//web?a=S",
        "pki/../web?a=S",
        "pki/web@0?a=S",
        "pki/web@1?a=S",
        "pki?a=S",
        "?a=S",
        "1=pki/issue/web?a=S",
    ] {
        cases.call(move || with_canaries(TestVault::bare()).args(["--write", &write.replace('S', secret)]));
        cases.call(move || with_canaries(TestVault::bare()).env("VAULT_EXEC_WRITE", write.replace('S', secret)));
    }
    cases.call(move || {
        let write = format!("pki/issue/web?a={secret}");
        with_canaries(TestVault::bare()).args(["--write", &write, "--path", "pki/issue/web"])
    });
}

fn files(cases: &mut Cases) {
    let with = |fields: String| {
        let vault = with_canaries(TestVault::bare()).env("VAULT_ADDR", "http://127.0.0.1:1");
        vault.args(["--timeout", "100ms", "--write", &format!("pki/issue/web?{fields}")])
    };
    let secret = canary("command line");
    cases.call(move || with("csr=@field".into()).file("field", [canary("other value").as_bytes(), b"\xff"].concat()));
    for file in [secret.to_owned(), format!("/{secret}"), secret.repeat(10), "{home}/none".into()] {
        cases.call(move || with(format!("csr=@{file}")));
    }
}

fn mounts(cases: &mut Cases) {
    for mount in ["kv", "pki"] {
        cases.server(move || pki(mount, [issued("")]), calling);
    }
    cases.server(|| FakeServer::answering([refusal(403)]), calling);
    let namespaced =
        || FakeServer::answering([refusal(403)]).and_at("auth/token/lookup-self", [reply(200, r#"{"data":{}}"#)]);
    cases.server(namespaced, calling);
    cases.server(namespaced, |fake| {
        calling(fake).args(["--write", "pki/{{x}}/web?a=b", "--write", "auth/token/create?a=b"])
    });
    let server = || {
        let mount = reply(200, r#"{"request_id":"1","data":{"path":"token/","type":"token"}}"#);
        FakeServer::answering([mount])
    };
    cases.server(server, |fake| calling(fake).args(["--write", "auth/token/create?a=b"]));
}

fn answers(cases: &mut Cases) {
    let bodies = ["", "<html>", r#"{"request_id":"1"}"#].map(|body| [body, canary("server's words")].concat());
    for status in [200, 204, 400, 403, 404, 405, 500, 502, 503] {
        for body in bodies.clone() {
            cases.server(move || pki("pki", [reply(status, body.clone())]), calling);
        }
        cases.server(move || pki("pki", [refusal(status)]), calling);
    }
    for secret in ["other value", "token"] {
        for reasons in echoes(canary(secret)) {
            cases.server(move || pki("pki", [errors(400, &reasons)]), calling);
        }
    }
    for lost in [Reply::closed(), Reply::reset(), Reply::silence()] {
        cases.server(move || pki("pki", [lost.clone()]), calling);
    }
    // A path that a shell would interpret.
    cases.server(
        || {
            let mount = reply(200, r#"{"request_id":"1","data":{"path":"pki/","type":"pki"}}"#);
            FakeServer::answering([refusal(400)]).and_at("sys/internal/ui/mounts/pki/$(x)/web", [mount])
        },
        |fake| with_canaries(TestVault::bare()).env("VAULT_ADDR", fake.url()).args(["--write", "pki/$(x)/web?a=b"]),
    );
    cases.server(|| pki("pki", [issued("")]), |fake| calling(fake).args(["--require", "PRIVATE_KEY", CHECK]));
}

fn lifetimes(cases: &mut Cases) {
    const LEASE: &str = r#""lease_id":"pki/1","lease_duration":60,"#;
    let leased = || {
        let key = Value::from(canary("value"));
        reply(200, format!(r#"{{"request_id":"1",{LEASE}"data":{{"private_key":{key}}}}}"#))
    };
    let token = || reply(200, r#"{"request_id":"1","data":{"ttl":30,"policies":[]}}"#);
    let strict = |fake: &FakeServer| calling(fake).args(["--min-lease", "1h"]);
    cases.server(|| pki("pki", [issued("")]), strict);
    cases.server(|| pki("pki", [issued(LEASE)]), strict);
    cases.server(move || pki("pki", [leased()]), strict);
    cases.server(move || pki("pki", [leased()]).and_at("auth/token/lookup-self", [token()]), strict);
}
