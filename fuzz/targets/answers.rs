//! For any response of the server: values are passed exactly as sent, nothing else becomes a secret, no message contains a
//! value, and reads use the login token.
#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use vault_exec::config::{LogFormat, ProjectSettings};
use vault_exec::error::Diagnostics;
use vault_exec::kv::KvSecret;
use vault_exec::log::Logger;
use vault_exec::vault;
use vault_exec_fuzz::{Exchange, Server, inherited, parts, render_error, resolve};

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// The value in the seeds and in the dictionary.
const CANARY: &str = "hunter2";

// The first line is a list of flags; see `has`. The responses follow, each a status and a body, or a whole response that
// starts with `HTTP/`, separated by lines of `%%`.
fuzz_target!(|text: &str| {
    let (flags, responses) = text.split_once('\n').unwrap_or((text, ""));
    let has = |flag| flags.split(' ').any(|set| set == flag);
    let mut variables = vec![
        format!("VAULT_ADDR={}", SERVER.address),
        "VAULT_EXEC_ATTEMPTS=1".into(),
        "VAULT_EXEC_TIMEOUT=5".into(),
        format!(
            "VAULT_EXEC_{}PATH=s/a/b{}",
            if has("optional") { "OPTIONAL_" } else { "" },
            if has("pinned") { "@3" } else { "" }
        ),
    ];
    let mut set = |flag, lines: &[&str]| {
        if has(flag) {
            variables.extend(lines.iter().map(ToString::to_string));
        }
    };
    set("1", &["VAULT_EXEC_KV=1"]);
    set("2", &["VAULT_EXEC_KV=2"]);
    set("token", &["VAULT_TOKEN=given"]);
    set("wrapped", &["VAULT_TOKEN=given", "VAULT_EXEC_UNWRAP_TOKEN=1"]);
    set("approle", &["VAULT_ROLE_ID=r", "VAULT_SECRET_ID=s"]);
    set("wrapped-id", &["VAULT_ROLE_ID=r", "VAULT_SECRET_ID=s", "VAULT_EXEC_SECRET_ID_WRAPPED=1"]);
    set("check", &["VAULT_EXEC_CHECK=1"]);
    let Ok(config) = resolve(&inherited(variables.iter().map(String::as_str)), &ProjectSettings::default()) else {
        return;
    };

    let mut script: VecDeque<Vec<u8>> =
        responses.split("\n%%\n").map(|response| response.as_bytes().to_vec()).collect();
    let mut problems = Diagnostics::new(config.check.is_some());
    let logger = Logger::new(0, LogFormat::Text);
    let (fetched, exchanges) =
        SERVER.serve_during(move |_| script.pop_front(), || vault::fetch(&config, &logger, &mut problems));

    for problem in problems.met.iter().chain(fetched.as_ref().err()) {
        let text = render_error(problem);
        // Messages do show an engine's type and a redirect's target.
        assert!(!text.contains(CANARY) || text.contains("its engine (") || text.contains("redirected to"), "{text}");
    }
    let Ok(fetched) = fetched else { return };
    let reads: Vec<&Exchange> =
        exchanges.iter().filter(|exchange| exchange.request.target.starts_with("/v1/s/")).collect();
    for secret in &fetched.secrets {
        assert_as_sent(secret, &reads.last().expect("a secret was read").response);
    }
    assert!(fetched.secrets.len() <= 1);
    assert!(!fetched.secrets.is_empty() || has("optional") || !problems.met.is_empty(), "all or nothing");
    let expected = fetched.token.as_ref().map_or(&b""[..], |token| token.expose());
    for read in reads {
        assert_eq!(read.request.header("x-vault-token").unwrap_or_default(), expected);
    }
});

/// Compares a secret with the response it was read from, parsed a second time by `serde_json`.
fn assert_as_sent(secret: &KvSecret, response: &[u8]) {
    if response.starts_with(b"HTTP/") {
        return;
    }
    let (status, body) = parts(response);
    assert_eq!(status, 200);
    let sent = fields(str::from_utf8(body).expect("the response is UTF-8"));
    let data = match secret.version {
        Some(version) => {
            let inner = fields(sent["data"].get());
            assert_eq!(fields(inner["metadata"].get())["version"].get(), version.to_string());
            assert!(secret.lease.is_none());
            fields(inner["data"].get())
        }
        None => {
            let is_leased = sent.get("lease_id").is_some_and(|id| id.get() != "\"\"");
            assert_eq!(secret.lease.is_some(), is_leased);
            let life = sent.get("lease_duration").map_or("0", |life| life.get());
            assert!(secret.lease.is_none_or(|lease| lease.as_secs().to_string() == life));
            fields(sent["data"].get())
        }
    };
    assert!(data.keys().all(|key| secret.data.iter().any(|(read, _)| read == key)), "a key was lost");
    assert!(secret.data.iter().all(|(key, _)| data.contains_key(key)), "a key was invented");
    for (key, sent) in data {
        // Of a repeated key, the map holds only the last value.
        let (_, read) = secret.data.iter().rfind(|(read, _)| *read == key).unwrap();
        let expected = match sent.get() {
            "null" => None,
            text if text.starts_with('"') => Some(serde_json::from_str::<String>(text).unwrap().into_bytes()),
            text => Some(text.as_bytes().to_vec()),
        };
        assert_eq!(read.as_ref().map(|value| value.expose()), expected.as_deref());
    }
}

/// The members of a JSON object, each value as its JSON text.
fn fields(object: &str) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(object).expect("an object")
}
