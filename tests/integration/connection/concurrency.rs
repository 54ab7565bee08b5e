//! Many starts at once, as after a power failure.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::openbao::{OpenBao, is_openbao};
use crate::support::process::free_port;
use crate::support::scratch::new_dir;
use crate::support::tls::{Authority, listener};
use crate::support::vault::TestVault;

const STARTS: usize = 200;

#[test]
fn two_hundred_starts_at_once_all_succeed() {
    let dir = new_dir("storm");
    let ours = Authority::new("ours");
    let (ca, port) = (dir.join("ca"), free_port());
    fs::write(&ca, ours.pem()).unwrap();
    let audit = dir.join("audit");
    let pair = ours.issue(&["127.0.0.1"]);
    let mut config = listener(&dir, "server", &format!("127.0.0.1:{port}"), &pair, "");
    if is_openbao() {
        let file = audit.display();
        write!(config, "audit \"file\" \"all\" {{\n  options {{ file_path = \"{file}\" }}\n}}\n").unwrap();
    }
    let file = dir.join("server.hcl");
    fs::write(&file, config).unwrap();
    let server = OpenBao::start(&[&format!("-config={}", file.display())]);
    let api = server.api();
    if !is_openbao() {
        api.post("sys/audit/all", &json!({"type": "file", "options": {"file_path": audit}}));
    }
    let tokens: Vec<String> = (0..STARTS)
        .map(|number| {
            api.write_secret(&format!("app{number}"), &json!({"mine": format!("value-{number}")}));
            text(&api.post("auth/token/create", &json!({"policies": ["root"]}))["auth"]["client_token"])
        })
        .collect();
    let asked_before = reads(&audit);

    let start = Instant::now();
    let children: Vec<_> = (0..STARTS)
        .map(|number| {
            let vault = TestVault::bare()
                .env("VAULT_ADDR", format!("https://127.0.0.1:{port}"))
                .env("VAULT_CACERT", &ca)
                .env("VAULT_TOKEN", &tokens[number])
                .args(["--path", &format!("secret/app{number}")]);
            let mut command = vault.command(["printenv", "MINE"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut waited = 0;
    for (number, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "start {number}: {stderr}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("value-{number}\n"), "start {number}: {stderr}");
        waited += usize::from(!stderr.is_empty());
    }
    let (took, asked) = (start.elapsed(), reads(&audit) - asked_before);
    let told =
        format!("storm: {STARTS} starts at once over TLS took {took:.1?}; {asked} reads, {waited} had to wait\n");
    io::stderr().write_all(told.as_bytes()).unwrap();
    assert!(asked >= STARTS, "the server saw {asked} reads");
}

/// How many reads of a secret the server was asked for.
fn reads(audit: &std::path::Path) -> usize {
    let log = fs::read_to_string(audit).unwrap();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries.filter(|entry| entry["type"] == "request" && entry["request"]["operation"] == "read").count()
}
