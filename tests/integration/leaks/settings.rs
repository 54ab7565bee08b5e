//! Faults of options, variables and the project file, with secrets in other variables, or a secret in the wrong place.
//! secret was put in the wrong place.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::leaks::canary::canary;
use crate::leaks::{Cases, secret, with_canaries};
use crate::support::fake_server::FakeServer;
use crate::support::vault::TestVault;

/// A call with one path, and without a server.
fn vault() -> TestVault {
    with_canaries(TestVault::bare())
        .args(["--path", "secret/app"])
        .env("VAULT_ADDR", "http://127.0.0.1:1")
        .args(["--attempts", "1"])
}

fn with(options: &[&str]) -> TestVault {
    vault().args(options.iter().copied())
}

pub(super) fn add(cases: &mut Cases) {
    typed(cases);
    given(cases);
    addresses(cases);
    mistaken(cases);
    templates(cases);
    references(cases);
    project(cases);
    trust(cases);
}

fn typed(cases: &mut Cases) {
    cases.starting(&[], vault);
    cases.call(|| with_canaries(TestVault::bare()));
    for line in [
        &["--nonsense"][..],
        &["--tokenfile"],
        &["--path"],
        &["--help"],
        &["--version"],
        &["--kv", "3"],
        &["--auth", "oidc"],
        &["--case", "lower"],
        &["--on-conflict", "me"],
        &["--on-duplicate", "first"],
        &["--explicit"],
        &["--log-format", "xml"],
        &["--check", "--format", "xml"],
        &["--format", "json"],
        &["--path", ""],
        &["--path", "/"],
        &["--path", "a//b"],
        &["--path", "a\u{7}/b"],
        &["--path", "a/b@0"],
        &["--mount", "a@1"],
        &["--path", "secret"],
        &["--path", "1_=secret/app"],
        &["--path", "a/b@1", "--kv", "1"],
        &["--username", "../me", "--auth", "userpass"],
        &["--allow-name", "a-b"],
        &["--allow-name", "1a"],
        &["--prefix", "1"],
        &["--attempts", "0"],
        &["--timeout", "soon"],
        &["--file-mode", "rw", "--file", "A=b"],
        &["--set", "A=a", "--file", "A=b"],
        &["--tls-server-name", "127.0.0.1"],
        &["--client-cert", "cert"],
        &["--client-key", "key"],
        &["--keep-env", "A"],
        &["--pristine", "--keep-env", "VAULT_TOKEN"],
        &["--pristine", "--keep-env", "GO*"],
        &["--require", "A,B"],
        &["--file-mode", "0444"],
        &["-path", "secret/app"],
        &["--config", "a", "--no-config"],
        &["--config", "none.toml"],
        &["--auth", "approle"],
        &["--auth", "kubernetes"],
        &["--auth", "userpass"],
        &["--auth", "cert"],
        &["--require-mlock"],
    ] {
        cases.call(move || with(line));
    }
    cases.call(|| with(&["--auth", "jwt"]).without("VAULT_JWT"));
    for retries in ["many", "0"] {
        let vault = || with_canaries(TestVault::bare()).args(["--path", "secret/app"]);
        cases.call(move || vault().env("VAULT_ADDR", "http://127.0.0.1:1").env("VAULT_MAX_RETRIES", retries));
    }
    cases.call(|| with(&["--auth", "ldap", "--username", "me"]).without("VAULT_PASSWORD"));
    cases.call(|| with(&["--help"]).under_sh(r#"exec "$@" >/dev/full"#));
}

fn given(cases: &mut Cases) {
    for name in ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "HTTPS_PROXY", "VAULT_EXEC_SET", "VAULT_CACERT_BYTES"]
    {
        let damaged = [canary("value").as_bytes(), b"\xff"].concat();
        cases.call(move || {
            vault().env("VAULT_ADDR", "https://vault.test").env(name, OsString::from_vec(damaged.clone()))
        });
    }
    cases.call(|| vault().env("VAULT_SKIP_VERIFY", "yes"));
    cases.call(|| vault().env("VAULT_NAMESPACE", format!("a {}", canary("value"))));
}

fn addresses(cases: &mut Cases) {
    let (user, query) = (canary("userinfo"), canary("query"));
    for address in [
        format!("https://me:{user}@vault.test:8200"),
        format!("https://{user}@vault.test:8200"),
        format!("me:{user}@vault.test:8200"),
        format!("ftp://me:{user}@vault.test/?token={query}"),
        format!("https://vault.test/?token={query}"),
        format!("https://vault.test/#{query}"),
        format!("https://me:{user}@vault test"),
        format!("https://me:ab#{user}@vault.test"),
        format!("https://me:ab?{user}@vault.test"),
        format!("https://me:ab/{user}@vault.test"),
        "vault".into(),
    ] {
        cases.call({
            let address = address.clone();
            move || vault().env("VAULT_ADDR", &address)
        });
        cases.call(move || {
            vault()
                .args(["--auth", "jwt", "--role", "ci"])
                .without("VAULT_JWT")
                .env("ACTIONS_ID_TOKEN_REQUEST_URL", &address)
                .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", canary("request token"))
        });
    }
    for proxy in [format!("socks5://me:{user}@127.0.0.1:1"), format!("http://me:{user}@:1"), format!("me:{user} @x")] {
        cases.call(move || vault().env("VAULT_ADDR", "https://vault.test").env("HTTPS_PROXY", &proxy));
    }
    cases.call(|| vault().env("VAULT_ADDR", "https://vault.test").args(["--tls-server-name", "vault.test"]));
}

/// A secret in place of its file, a flag or a name, and unknown options.
fn mistaken(cases: &mut Cases) {
    let secret = canary("command line");
    for option in ["--token", "--secret-id", "--password", "--jwt", "-x"] {
        cases.call(move || with(&[option, secret]));
        cases.call(move || with(&[&format!("{option}={secret}")]));
    }
    for switch in ["--unwrap-token", "--keep-token", "--secret-id-wrapped", "--verbose"] {
        cases.call(move || with(&[&format!("{switch}={secret}")]));
    }
    for name in ["UNWRAP_TOKEN", "KEEP_TOKEN", "SECRET_ID_WRAPPED", "NO_REVOKE"] {
        cases.call(move || {
            vault().args(["--auth", "approle", "--role-id", "me"]).env(format!("VAULT_EXEC_{name}"), secret)
        });
        cases.call(move || vault().env(format!("VAULT_EXEC_{name}"), secret));
    }
    for token in [
        secret.to_owned(),
        format!("hvs.{secret}"),
        secret.repeat(10),
        format!("{secret}/{secret}"),
        format!("/{secret}"),
        format!("/{secret}/{secret}"),
        format!("/tmp/{secret}\n"),
        format!("{secret}\n"),
    ] {
        let token = move || token.clone();
        cases.call({
            let token = token.clone();
            move || vault().without("VAULT_TOKEN").env("VAULT_TOKEN_FILE", token())
        });
        for (auth, more, option) in [
            ("token", "--token-file", "TOKEN_FILE"),
            ("approle", "--role-id=me", "SECRET_ID_FILE"),
            ("jwt", "--role=ci", "JWT_FILE"),
            ("kubernetes", "--role=ci", "JWT_FILE"),
            ("userpass", "--username=me", "PASSWORD_FILE"),
        ] {
            let more = if auth == "token" { "--no-config" } else { more };
            let token = token.clone();
            cases.call(move || {
                let credentials = ["VAULT_TOKEN", "VAULT_SECRET_ID", "VAULT_JWT", "VAULT_PASSWORD"];
                let vault = credentials.into_iter().fold(vault(), TestVault::without);
                vault.args(["--auth", auth, more]).env(format!("VAULT_EXEC_{option}"), token())
            });
        }
    }
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", canary("key"));
    for key in [key, canary("key").repeat(10)] {
        for name in ["VAULT_CACERT", "VAULT_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "VAULT_CLIENT_CERT"] {
            let key = key.clone();
            cases.call(move || {
                let vault = vault().env("VAULT_ADDR", "https://127.0.0.1:1").args(["--client-key", "key"]);
                vault.env("VAULT_CLIENT_CERT", "cert").env(name, &key)
            });
        }
        cases.call(move || {
            let (certificate, _) = super::tls::CLIENT.clone();
            vault().file("cert", certificate).args(["--client-cert", "cert"]).env("VAULT_CLIENT_KEY", &key)
        });
    }
}

fn templates(cases: &mut Cases) {
    let literal = canary("literal");
    for template in ["A={{x}{L}", "A=L{x", "A=Lx}", "A=L{}", "A=L{x|uri}L", "A=L{a//b#x}", "L", "=L", "1=L", "A-B=L"] {
        for option in ["--set", "--file"] {
            cases.call(move || with(&[option, &template.replace('L', literal)]));
        }
    }
    for template in [
        "A=L{txt}",
        "A=L{secret/ap#text}",
        "A=L{/x#text}",
        "A=L{unlike}",
        "A=L{null}",
        "A=L${text}",
        "A=L{{ text }}",
        "A-B=L{text}",
        "A=L{text|json:/a}",
        "A=L{text|unbase64}",
        "A=L{json|json:/a/b}",
        "A=L{json|json:/n}",
        "A=L{text|json:a}",
    ] {
        cases.fake([null()], move |vault| vault.args(["--set", &template.replace('L', literal)]));
    }
    let keys = ('a'..'m').fold(String::new(), |keys, key| keys + &format!(r#""{key}": 1, "#));
    let many = super::reply(200, super::secret_text().replacen(r#""text""#, &(keys + r#""text""#), 1));
    cases.fake([many], |vault| vault.args(["--only", "unlike", "--only", "unlike it"]));
    let absent = super::reply(404, r#"{"request_id": "1", "errors": []}"#);
    cases.server(
        move || FakeServer::answering([absent.clone()]),
        |fake| {
            let vault = with_canaries(TestVault::bare()).env("VAULT_ADDR", fake.url());
            vault.args(["--kv", "2", "--optional-path", "secret/app", "--set", "A={unlike}"])
        },
    );
}

fn references(cases: &mut Cases) {
    let literal = canary("inherited value");
    let with = move |value: &str| {
        let value = value.replace('L', &literal.replace(['\0', '}'], "~"));
        move |vault: TestVault| vault.env("VAULT_EXEC_REFERENCES", "true").env("REFERENCE", value.clone())
    };
    for value in [
        "vault:L",
        "vault:s/L#",
        "L${vault:s/a#L",
        "L${vault:8200}",
        "vault:s//L#k",
        "vault:s#L",
        ">>vault:L#k",
        "L${bao:s/a#${.L}}",
        "vault:v1:L",
        "L${vault:secret/app#text}L",
        "L${vault:secret/app#txt}L",
        "L${vault:secret/app#null}L",
        "L${vault:secret/app@2#text}L",
    ] {
        cases.fake([null()], with(value));
    }
    cases.fake([null()], |vault| vault.env("VAULT_TOKEN", "vault:login").args(["--references"]));
    cases.fake([null()], |vault| vault.env("LD_PRELOAD", "${vault:secret/app#text}").args(["--references"]));
}

/// With one key that has no value, and one that is JSON.
fn null() -> crate::support::fake_server::Reply {
    let keys = format!(r#""null": null, "json": {{"a": "{}", "n": null}}, "text""#, canary("member"));
    super::reply(200, super::secret_text().replacen(r#""text""#, &keys, 1))
}

fn project(cases: &mut Cases) {
    let [value, literal] = ["value", "literal"].map(|name| toml(canary(name)));
    for text in [
        format!("token = {value}"),
        format!("vault-token = {value}"),
        format!("pth = {value}"),
        format!("address = {value}"),
        format!("pristine = {value}"),
        format!("path = {{ a = {value} }}"),
        format!("only = [1, {value}]"),
        format!("mount = [{value}]"),
        format!("set = {{ A = [{literal}] }}"),
        format!("[set]\nPATH = {literal}"),
        format!("[set]\nA = {literal}x"),
        format!("[file]\nA-B = {literal}"),
        format!("[set]\n\"A=B\" = {literal}"),
        format!("role-id = {value}\nrole-id = {value}"),
        format!("token = {}", canary("token")),
        canary("token").to_owned(),
        format!("path = \"{}", canary("token")),
        format!("path = \"\\q{}\"", canary("token")),
        format!("path = '{}\u{1}'", canary("token")),
        format!("[{}\n", canary("token")),
        format!("path = \"\"\"{}", canary("value")),
        "\u{feff}= 1".into(),
    ] {
        let named = text.clone();
        cases.call(move || trusting(&vault().file(".vault-exec.toml", &text)));
        cases.call(move || vault().file("p.toml", &named).args(["--config", "p.toml"]));
    }
    let project = || vault().file(".vault-exec.toml", format!("kv = {}", toml(canary("value"))));
    cases.call(project);
    cases.call(move || trusting(&project()).file(".vault-exec.toml", [canary("value").as_bytes(), b"\xff"].concat()));
    cases.call(move || project().file(".vault-exec.toml", canary("value").repeat(20_000)));
    cases.call(move || vault().under_sh(r#"mkdir .vault-exec.toml; exec "$@""#));
    cases.call(move || project().under(injected("%%stat:error=EIO")));
    cases.fake([secret()], |vault| trusting(&vault.file(".vault-exec.toml", "only = [\"text\", \"number\"]")));
    cases.fake([secret()], |vault| {
        trusting(
            &vault
                .file(".vault-exec.toml", format!("optional-path = 'auth/x'\n[set]\nA = {}", toml(canary("literal")))),
        )
    });
}

fn trust(cases: &mut Cases) {
    let project = || vault().file(".vault-exec.toml", format!("token = {}", toml(canary("value"))));
    for option in ["--trust", "--untrust"] {
        cases.call(move || project().args([option]));
        cases.starting(&[], move || project().with_only(option));
        cases.starting(&[], move || project().with_only(option).under_sh(r#"cd /; exec "$@""#));
    }
    let trusted = || vault().file(".vault-exec.toml", "path = 'a/b'");
    cases.starting(&[], move || trusted().with_only("--trust"));
    cases.starting(&[], move || trusted().with_only("--untrust").under_sh(r#""$1" --trust >/dev/null; exec "$@""#));
    let store = ".local/state/vault-exec/trusted";
    for change in [
        "echo >>.vault-exec.toml".to_owned(),
        "HOME=".into(),
        format!("chown 65534 {store}"),
        format!("chmod o+w {store}"),
        format!("chmod 777 {store}/*"),
        format!("rm -r {store}; touch {store}"),
    ] {
        cases.call(move || trusted().under_sh(&format!(r#""$1" --trust >/dev/null; {change}; exec "$@""#)));
    }
    let trust = move || trusted().with_only("--trust");
    cases.starting(&[], move || trust().env("HOME", ""));
    cases.starting(&[], move || trust().under_sh(r#"touch .local; exec "$@""#));
    cases.starting(&[], move || trust().under(injected("write:error=ENOSPC:when=2")));
}

/// Trusts the project file, and prints only messages about that.
fn trusting(vault: &TestVault) -> TestVault {
    vault.clone().under_sh(r#""$1" --trust >/dev/null; exec "$@""#)
}

/// A string of a project file.
fn toml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Has the kernel refuse a system call.
pub(super) fn injected(fault: &str) -> [String; 5] {
    ["strace", "-qqo", "/dev/null", "-e", &format!("inject={fault}")].map(str::to_owned)
}
