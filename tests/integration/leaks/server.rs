//! Faults between vault-exec and the server, and responses with secrets in unexpected places.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::connection::resolver::{HOSTS, NSSWITCH, NameServer, coded, with_resolv_conf};
use crate::leaks::canary::canary;
use crate::leaks::settings::injected;
use crate::leaks::tls::{OURS, config, trusting};
use crate::leaks::{Cases, echoes, errors, refusal, reply, secret, secret_text, with_canaries};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::vault::TestVault;

pub(super) fn add(cases: &mut Cases) {
    statuses(cases);
    refusals(cases);
    bodies(cases);
    engines(cases);
    connections(cases);
    redirects(cases);
    proxies(cases);
    names(cases);
    real(cases);
}

pub(super) fn once(vault: TestVault) -> TestVault {
    vault.args(["--attempts", "1"])
}

/// With an agent that adds its own token.
pub(super) fn agents(fake: &FakeServer) -> TestVault {
    let vault = with_canaries(fake.vault()).without("VAULT_TOKEN").without("VAULT_JWT").without("VAULT_ADDR");
    vault.env("VAULT_AGENT_ADDR", fake.url())
}

fn statuses(cases: &mut Cases) {
    for status in [204, 301, 400, 401, 404, 405, 412, 418, 429, 451, 472, 473, 499, 500, 501, 502, 503, 504, 599, 999] {
        cases.fake([refusal(status)], |vault| once(vault.args(["--kv", "2"])));
        cases.fake([refusal(status)], |vault| once(vault.args(["--kv", "1"])));
    }
    cases.fake([refusal(503), refusal(429), secret()], |vault| vault);
    cases.fake([refusal(503)], |vault| vault.args(["--attempts", "2"]));
    cases.fake([refusal(503)], |vault| vault.args(["--timeout", "200ms"]));
    cases.fake([refusal(429).header("Retry-After", "3600")], |vault| vault);
    cases.fake([secret()], |vault| vault.without("VAULT_ADDR"));
    cases.fake([secret()], |vault| once(vault.without("VAULT_ADDR")).under(injected("connect:error=ENETUNREACH")));
    cases.fake([refusal(429).header("Retry-After", canary("header"))], once);
    cases.fake([reply(400, format!("Client sent an HTTP request to an HTTPS server. {}", canary("value")))], |vault| {
        vault
    });
}

fn refusals(cases: &mut Cases) {
    for look_up in
        [reply(200, r#"{"data": {"ttl": 60, "policies": ["app"]}}"#), refusal(403), refusal(503), Reply::closed()]
    {
        for kv in ["auto", "1", "2"] {
            let look_up = look_up.clone();
            cases.server(
                move || FakeServer::answering([refusal(403)]).and_at("auth/token/lookup-self", [look_up.clone()]),
                move |fake| with_canaries(fake.vault()).args(["--kv", kv]),
            );
        }
    }
    let denied = || errors(403, &["1 error occurred:\n\t* permission denied\n\n"]);
    cases.server(move || FakeServer::answering([denied()]).and_at("auth/token/lookup-self", [denied()]), agents);
    cases.fake([errors(403, &["permission denied", "invalid token"])], |vault| vault);
    cases.fake([errors(404, &["no handler for route"])], |vault| vault);
    for slip in [
        ["--path=secret/x#k", "--set=A={none}"],
        ["--mount=secret", "--path=data/x"],
        ["--mount=secret/data", "--path=x"],
    ] {
        cases.fake([refusal(404)], move |vault| vault.args(["--kv=2"]).args(slip));
    }
    cases.fake([errors(400, &["a reason", "and another\n"])], |vault| vault.args(["--kv", "2"]));
    cases.server(
        || FakeServer::answering([errors(500, &["local node not active but active cluster node not found"])]),
        |fake| with_canaries(fake.vault()).args(["--auth=userpass", "--username=me", "--timeout=1s"]),
    );
    cases.server(
        || FakeServer::answering([errors(500, &["no such user"])]),
        |fake| with_canaries(fake.vault()).args(["--auth=userpass", "--username=me"]),
    );
    for secret in ["token", "value", "other value", "number"] {
        for reasons in echoes(canary(secret)) {
            cases.server(
                move || FakeServer::answering([self::secret()]).and_at("secret/data/b", [errors(400, &reasons)]),
                |fake| with_canaries(fake.vault()).args(["--kv", "2", "--path", "secret/b"]),
            );
        }
    }
    for (words, status) in [("no handler for route", 404), ("namespace not found", 404)] {
        let errors = json!({"errors": [format!("{words} {}", canary("server's words"))]}).to_string();
        cases.fake([reply(status, errors)], |vault| vault.args(["--kv", "2"]));
    }
}

fn bodies(cases: &mut Cases) {
    let whole = secret_text();
    let (value, json) = (canary("value"), serde_json::Value::from(canary("value")).to_string());
    let data = |data: &str| format!(r#"{{"data": {{"data": {data}, "metadata": {{"version": 1}}}}}}"#);
    for body in [
        String::new(),
        value.to_owned(),
        json.clone(),
        canary("number").to_owned(),
        format!("[{json}]"),
        format!("<html>{value}</html>"),
        whole[..whole.len() - 4].to_owned(),
        format!("{whole} {value}"),
        data(&json),
        data(canary("number")),
        data(&format!("[{json}]")),
        data(&format!(r#"{{"a": "{value}"}}"#)),
        data(&format!(r#"{{"a": {json}"#)),
        data(&format!(r#"{{"a": {json},}}"#)),
        data(&format!(r#"{{"a": {}e}}"#, canary("number"))),
        data(&format!(r#"{{"a": "\ud800{}"}}"#, canary("token"))),
        data(&format!(r#"{{"a": "\q{}"}}"#, canary("token"))),
        data(&format!(r#"{{"{}": 1}}"#, canary("token"))),
        data(&format!("{{{json}: 1}}")).replace("version\": 1", &format!("version\": {json}")),
        format!(r#"{{"data": {json}}}"#),
        format!(r#"{{"data": null, "errors": {json}, "warnings": {json}}}"#),
        format!(r#"{{"errors": [{json}], "lease_duration": {json}}}"#),
        format!("{{\"data\": {{\"data\": {}{json}", "[".repeat(300)),
    ] {
        for kv in ["auto", "1", "2"] {
            let body = body.clone();
            cases.fake([reply(200, body)], move |vault| vault.args(["--kv", kv]));
        }
    }
    let mut damaged = whole.clone().into_bytes();
    damaged.extend(b"\xff");
    cases.fake([reply(200, damaged)], |vault| vault);
    let headers = |headers: &str| Reply::raw(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{}", secret_text()));
    cases.fake([headers("Content-Length: 99999")], once);
    cases.fake([headers(&format!("Content-Length: {}", canary("number")))], once);
    cases.fake([headers(&format!("Content-Length: {}", canary("header")))], once);
    cases.fake([headers("Content-Length: 9999999")], once);
    cases.fake([headers(&format!("Transfer-Encoding: chunked\r\n\r\n{}", canary("token")))], once);
    cases.fake([headers(&format!("{} : 1", canary("header")))], once);
    cases.fake([Reply::raw(format!("HTTP/1.1 {} {}\r\n\r\n", canary("token"), canary("header")))], once);
    cases.fake([Reply::raw(format!("{}\r\n\r\n", canary("header")))], once);
    cases.fake([Reply::endless("HTTP/1.1 200 OK\r\n\r\n", canary("value"))], once);
    cases.fake([headers(&format!("Set-Cookie: {}", canary("header").repeat(20_000)))], once);
    cases.fake(
        [reply(200, [b"\x1f\x8b", canary("value").as_bytes()].concat()).header("Content-Encoding", "gzip")],
        once,
    );
}

fn engines(cases: &mut Cases) {
    let kv1 = format!(
        r#"{{"lease_id": "{}", "lease_duration": 60, "data": {{"user": "me", "password": {}, "number": {}}}}}"#,
        canary("header"),
        serde_json::Value::from(canary("value")),
        canary("number")
    );
    cases.fake([secret()], |vault| vault);
    cases.fake([reply(200, kv1.clone())], |vault| vault.args(["--kv", "1"]));
    let mount = |kind: &str, path: &str, version: &str| {
        let options = json!({"version": version});
        reply(200, json!({"data": {"type": kind, "path": path, "options": options}}).to_string())
    };
    let looked_up = |cases: &mut Cases, mount: Reply, path: &'static str| {
        let kv1 = kv1.clone();
        cases.server(
            move || {
                FakeServer::answering([reply(200, kv1.clone())])
                    .and_at("secret/data/app", [refusal(404)])
                    .and_at("secret/data/none", [refusal(404)])
                    .and_at("secret/data/x/app", [refusal(404)])
                    .and_at("sys/internal/ui/mounts/secret/app", [mount.clone()])
                    .and_at("sys/internal/ui/mounts/secret/none", [mount.clone()])
                    .and_at("sys/internal/ui/mounts/secret/x/app", [mount.clone()])
            },
            move |fake| with_canaries(fake.vault()).args(["--optional-path", path]),
        );
    };
    looked_up(cases, mount("kv", "secret/", "1"), "secret/none");
    looked_up(cases, mount("kv", "secret/", "2"), "secret/none");
    looked_up(cases, mount("kv", "secret/x/", "2"), "secret/x/app");
    looked_up(cases, mount("database", "secret/", ""), "secret/app@2");
    looked_up(cases, refusal(403), "secret/none");
    let gone = |destroyed: bool| {
        let metadata = json!({"version": 2, "destroyed": destroyed, "custom_metadata": {"a": canary("value")}});
        reply(404, json!({"data": {"data": null, "metadata": metadata}}).to_string())
    };
    cases.fake([gone(false)], |vault| vault);
    cases.fake([gone(false)], |vault| vault.args(["--path", "secret/$(x)"]));
    for path in ["secret/$(x)/a", "secret/$(x)@7"] {
        cases.fake([refusal(404)], move |vault| vault.args(["--kv", "2", "--path", path]));
    }
    cases.fake([refusal(403)], |vault| vault.args(["--kv", "2", "--path", "secret/\"x"]));
    cases.fake([gone(true)], |vault| vault);
    cases.fake([refusal(404)], |vault| vault.args(["--kv", "2", "--path", "secret/app@7"]));
    cases.server(
        || FakeServer::answering([secret()]).and_at("secret/data/none", [refusal(404)]),
        |fake| {
            with_canaries(fake.vault()).args(["--kv", "2", "--optional-path", "secret/none", "--path", "secret/other"])
        },
    );
}

fn connections(cases: &mut Cases) {
    for broken in
        [Reply::closed(), Reply::reset(), Reply::raw("HTTP/1.1 200 OK\r\nX-Odd: "), Reply::raw("SSH-2.0 hello\r\n")]
    {
        cases.fake([broken], once);
    }
    cases.fake([Reply::silence()], |vault| vault.args(["--timeout", "300ms"]));
    cases.fake([Reply::raw(b"\x15\x03\x01\x00\x02\x02\x16")], |vault| vault);
    cases.server(
        || FakeServer::answering([refusal(503)]).and_at("secret/data/b", [refusal(400)]),
        |fake| with_canaries(fake.vault()).args(["--kv", "2", "--path", "secret/b", "--timeout", "1s"]),
    );
    let refused = || with_canaries(TestVault::bare()).args(["--path", "secret/app"]);
    for address in ["http://127.0.0.1:1", "https://127.0.0.1:1", "unix:///none/agent.sock"] {
        cases.call(move || once(refused().env("VAULT_ADDR", address)));
    }
    cases.call(move || once(refused()));
    cases.call(move || refused().env("VAULT_ADDR", "http://127.0.0.1:1").args(["--timeout", "200ms"]));
    cases.call(move || {
        once(refused().env("VAULT_ADDR", "http://127.0.0.1:1").under(injected("epoll_create1:error=EMFILE")))
    });
}

fn redirects(cases: &mut Cases) {
    let [user, query] = ["userinfo", "query"].map(canary);
    let target = format!("http://me:{user}@127.0.0.1:1/{query}?token={query}#{query}");
    cases.fake([refusal(307).header("Location", &target)], once);
    cases.fake([refusal(307).header("Location", &target)], |vault| vault.args(["--disable-redirects"]));
    for scheme in ["ftp", "unix", "data"] {
        let target = target.replace("http", scheme);
        cases.fake([refusal(307).header("Location", &target)], once);
    }
    cases.fake([refusal(307).header("Location", &format!("/v1/{query}?{query}"))], once);
    cases.fake([refusal(307).header("Location", &format!("http://[{query}"))], |vault| once(vault.args(["--kv", "2"])));
    cases.fake([refusal(307).header("Location", &format!("http://{}", canary("token")))], once);
    cases.fake([refusal(307).header("Location", "http://vault.test")], move |vault| {
        vault.args(["--proxy", &format!("socks5://me:{user}@proxy.test")])
    });
    cases.with(&["true"], || {
        let active = FakeServer::answering([secret()]);
        let target = format!("https://127.0.0.1:{}/{}", active.port(), canary("query"));
        let standby = FakeServer::answering([refusal(307).header("Location", &target)]);
        let vault = once(with_canaries(standby.vault())).file("ca", canary("value")).args(["--ca-cert", "ca"]);
        (vault, Box::new((standby, active)))
    });
    cases.server(
        move || {
            let pair = OURS.issue(&["127.0.0.1"]);
            FakeServer::answering_over_tls(config(&pair), [refusal(307).header("Location", &target)])
        },
        trusting,
    );
}

fn proxies(cases: &mut Cases) {
    let proxy = |fake: &FakeServer| fake.url().replace("http://", &format!("http://me:{}@", canary("userinfo")));
    let through = move |fake: &FakeServer| {
        let vault = with_canaries(fake.vault()).args(["--attempts", "1", "--timeout", "1s"]);
        vault.env("VAULT_ADDR", "https://vault.test:8200").env("HTTPS_PROXY", proxy(fake))
    };
    for answer in [
        refusal(407),
        refusal(403),
        refusal(502),
        Reply::closed(),
        Reply::raw("SSH-2.0 hello\r\n"),
        reply(200, canary("value")),
    ] {
        cases.server(move || FakeServer::answering([answer.clone()]), through);
    }
    for reasons in echoes(canary("userinfo")) {
        cases.server(
            move || FakeServer::answering([errors(400, &reasons)]),
            move |fake| through(fake).env("VAULT_ADDR", "http://vault.test:8200").env("VAULT_PROXY_ADDR", proxy(fake)),
        );
    }
    // The proxy of with_canaries(), where no server listens.
    cases.call(|| {
        once(with_canaries(TestVault::bare())).args(["--path", "secret/app"]).env("VAULT_ADDR", "https://vault.test")
    });
}

fn names(cases: &mut Cases) {
    let at = |host: &str| {
        once(with_canaries(TestVault::bare()))
            .args(["--path", "secret/app"])
            .env("VAULT_ADDR", format!("http://{host}:1"))
    };
    cases.call(move || at("none.invalid"));
    cases.call(move || with_resolv_conf(at("vault.test"), HOSTS, "options timeout:1 attempts:1\n", NSSWITCH));
    cases.with(&["true"], move || {
        static NEXT: AtomicU8 = AtomicU8::new(220);
        let names = NameServer::new(NEXT.fetch_add(1, Ordering::SeqCst), Duration::ZERO, |query| Some(coded(query, 0)));
        let vault = with_resolv_conf(at("vault.test"), HOSTS, &format!("nameserver {}\n", names.address), NSSWITCH);
        (vault, Box::new(names))
    });
    cases.call(move || at("localhost").under(injected("clone,clone3:error=EAGAIN")));
}

/// Responses of a real server.
fn real(cases: &mut Cases) {
    let [text, other, nested] = ["value", "other value", "nested value"].map(canary);
    let keys = || json!({"text": text, "list": [other, 1], "map": {"inner": nested}});
    let kv1 = TestVault::kv1().secret("a", keys());
    let kv2 = TestVault::kv2().secret("a", keys()).secret("a", keys()).secret("gone", keys()).secret("lost", keys());
    let kv2 = kv2
        .posted("{kv}/delete/gone", &json!({"versions": [1]}))
        .posted("{kv}/destroy/lost", &json!({"versions": [1]}));
    let wrapped = kv1.clone().args(["--unwrap-token", "--path", "{kv}/a"]);
    let of_others = r#"path "others/*" { capabilities = ["read"] }"#;
    for (vault, kv) in [(&kv1, "2"), (&kv2, "1")] {
        let vault = vault.clone().args(["--kv", kv, "--optional-path", "{kv}/none"]);
        cases.call(move || vault.clone());
    }
    cases.fake([reply(200, secret_text())], |vault| vault.args(["--path", "secret/app@7"]));
    for vault in [kv1, kv2] {
        for path in ["a", "none", "gone", "lost"] {
            let vault = vault.clone().path("a").path(path);
            let (stranger, unknown) = (vault.clone().token_with_policy(of_others), vault.clone());
            cases.call(move || vault.clone());
            cases.call(move || stranger.clone());
            // The server does not know this token.
            cases.call(move || with_canaries(unknown.clone()));
        }
    }
    cases.call(move || with_canaries(wrapped.clone()));
    let locked = TestVault::locked();
    let role = locked.approle(&json!({}));
    for options in [
        ["--auth=approle", &format!("--role-id={role}")],
        ["--auth=jwt", "--role=ci"],
        ["--auth=userpass", "--username=me"],
        ["--auth=ldap", "--username=me"],
    ] {
        let vault = locked.clone().args(options);
        cases.call(move || with_canaries(vault.clone()));
    }
}
