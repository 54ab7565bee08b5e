//! Whatever a server answers: a secret is passed exactly as it was sent, and nothing else ends as one; no message quotes
//! a value; the token of a login is the one that is used.
#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use vault_exec::config::ProjectSettings;
use vault_exec::error::Diagnostics;
use vault_exec::kv::KvSecret;
use vault_exec_fuzz::{Exchange, Server, fetch, inherited, parts, resolve, printed};

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// What the seeds and the dictionary have where a value is.
const CANARY: &str = "hunter2";

// The first line chooses what is asked; then the answers, each a status and a body, or spelt out from `HTTP/` on, with a
// line of two percent signs in between.
fuzz_target!(|text: &str| {
    let (wishes, answers) = text.split_once('\n').unwrap_or((text, ""));
    let wish = |word| wishes.split(' ').any(|wish| wish == word);
    let mut variables = vec![
        format!("VAULT_ADDR={}", SERVER.address),
        "VAULT_EXEC_ATTEMPTS=1".into(),
        "VAULT_EXEC_TIMEOUT=5".into(),
        format!(
            "VAULT_EXEC_{}PATH=s/a/b{}",
            if wish("optional") { "OPTIONAL_" } else { "" },
            if wish("pinned") { "@3" } else { "" }
        ),
    ];
    let mut set = |word, lines: &[&str]| {
        if wish(word) {
            variables.extend(lines.iter().map(ToString::to_string));
        }
    };
    set("1", &["VAULT_EXEC_KV=1"]);
    set("2", &["VAULT_EXEC_KV=2"]);
    set("token", &["VAULT_TOKEN=given"]);
    set("wrapped", &["VAULT_TOKEN=given", "VAULT_EXEC_UNWRAP_TOKEN=1"]);
    set("approle", &["VAULT_ROLE_ID=r", "VAULT_SECRET_ID=s"]);
    set("wrapped-id", &["VAULT_ROLE_ID=r", "VAULT_SECRET_ID=s", "VAULT_EXEC_SECRET_ID_WRAPPED=1"]);
    set("check", &["CHECK=1"]);
    let Ok(config) = resolve(&inherited(variables.iter().map(String::as_str)), &ProjectSettings::default()) else { return };

    let mut script: VecDeque<Vec<u8>> = answers.split("\n%%\n").map(|answer| answer.as_bytes().to_vec()).collect();
    let mut problems = Diagnostics::new(config.mode());
    let (fetched, exchanges) = SERVER.serve_during(move |_| script.pop_front(), || fetch(&config, &mut problems));

    for problem in problems.collected.iter().chain(fetched.as_ref().err()) {
        let text = printed(problem);
        // What names an engine, and where the server sends us, are told.
        assert!(!text.contains(CANARY) || text.contains("the engine (") || text.contains("redirected to"), "{text}");
    }
    let Ok(fetched) = fetched else { return };
    let secret_requests: Vec<&Exchange> =
        exchanges.iter().filter(|exchange| exchange.request.target.starts_with("/v1/s/")).collect();
    for secret in &fetched.secrets {
        agrees(secret, &secret_requests.last().expect("a secret was read").response);
    }
    assert!(fetched.secrets.len() <= 1);
    assert!(!fetched.secrets.is_empty() || wish("optional") || !problems.collected.is_empty(), "all or nothing");
    let expected = fetched.token.as_ref().map_or(&b""[..], |token| token.expose());
    for read in secret_requests {
        assert_eq!(read.request.header("x-vault-token").unwrap_or_default(), expected);
    }
});

/// Compares what was read with the answer it was read from, which another reader of JSON has looked at.
fn agrees(secret: &KvSecret, answer: &[u8]) {
    if answer.starts_with(b"HTTP/") {
        return;
    }
    let (status, body) = parts(answer);
    assert_eq!(status, 200);
    let sent = fields(str::from_utf8(body).expect("the answer is text"));
    let data = match secret.version {
        Some(version) => {
            let inner = fields(sent["data"].get());
            assert_eq!(fields(inner["metadata"].get())["version"].get(), version.to_string());
            assert!(secret.lease_duration.is_none());
            fields(inner["data"].get())
        }
        None => {
            let is_leased = sent.get("lease_id").is_some_and(|id| id.get() != "\"\"");
            assert_eq!(secret.lease_duration.is_some(), is_leased);
            let life = sent.get("lease_duration").map_or("0", |life| life.get());
            assert!(secret.lease_duration.is_none_or(|lease| lease.as_secs().to_string() == life));
            fields(sent["data"].get())
        }
    };
    assert!(data.keys().all(|key| secret.data.iter().any(|(read, _)| read == key)), "a key was lost");
    assert!(secret.data.iter().all(|(key, _)| data.contains_key(key)), "a key was made up");
    for (key, sent) in data {
        // Of equal keys the other reader sees the last one alone.
        let (_, read) = secret.data.iter().rfind(|(read, _)| *read == key).unwrap();
        let expected = match sent.get() {
            "null" => None,
            text if text.starts_with('"') => Some(serde_json::from_str::<String>(text).unwrap().into_bytes()),
            text => Some(text.as_bytes().to_vec()),
        };
        assert_eq!(read.as_ref().map(|value| value.expose()), expected.as_deref());
    }
}

/// The fields of an object and the text that was sent for each.
fn fields(object: &str) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(object).expect("an object")
}
