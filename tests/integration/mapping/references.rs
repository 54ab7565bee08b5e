//! References in inherited variables: the rows of docs/references.md, one after the other.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use serde_json::{Value, json};

use crate::auth::lease::{PSQL, with_database};
use crate::support::canary::assert_no_secrets;
use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;

/// A part of an inherited value that is no reference.
const LITERAL: &str = "canary-of-the-literal";

/// With references turned on as in an image, and what the examples of vault-env read.
fn accounts() -> TestVault {
    let vault = TestVault::kv2().secret("accounts/aws", [("KEY_ID", "old"), ("KEY", "old")]);
    let vault = vault.secret("accounts/aws", [("KEY_ID", "id"), ("KEY", "p@ss/word"), ("other", "x")]);
    vault.env("VAULT_EXEC_REFERENCES", "true")
}

/// No reference is replaced, and nothing of the value is printed.
#[track_caller]
fn is_refused(vault: &TestVault, name: &str, value: &str, reason: &str) {
    let vault = vault.clone().env(name, value);
    let outcome = vault.clone().args(["-vv"]).run(["true"]).exits(125).stdout_is("");
    let message = format!("--references {name}: {reason}\n");
    assert!(outcome.stderr.contains(&message), "{value}: {outcome}");
    let check = vault.args(["--check"]).alone().exits(125);
    let printed = [outcome.stderr.as_str(), &check.stderr, &String::from_utf8_lossy(&check.stdout)].concat();
    assert!(!printed.contains(LITERAL), "{value}: {printed}");
}

#[test]
fn the_examples_of_vault_env_start() {
    let vault = accounts().recorded();
    for (value, expected) in [
        ("vault:{kv}/data/accounts/aws#KEY", "p@ss/word"),
        ("vault:{kv}/data/accounts/aws#KEY#1", "old"),
        ("vault:{kv}/data/accounts/aws/#KEY", "p@ss/word"),
        (
            "AWS ${vault:{kv}/data/accounts/aws#KEY_ID} KEY: ${vault:{kv}/data/accounts/aws#KEY}",
            "AWS id KEY: p@ss/word",
        ),
        ("redis://${vault:{kv}/data/accounts/aws#KEY_ID#1}@127.0.0.1:6739", "redis://old@127.0.0.1:6739"),
        // What vault-env does not know.
        ("vault:{kv}/accounts/aws@1#KEY", "old"),
        ("bao:{kv}/accounts/aws#KEY", "p@ss/word"),
        ("{\"a\":\"${bao:/v1/{kv}/data/accounts/aws#KEY#1}\"}", "{\"a\":\"old\"}"),
    ] {
        let outcome = vault.clone().env("A", value).environ().has("A", expected).stderr_is("");
        outcome.lacks("KEY").lacks("VAULT_EXEC_REFERENCES");
    }
    // A path is read once for all references and templates.
    let before = vault.requests().len();
    let vault = vault.env("A", "vault:{kv}/data/accounts/aws#KEY").env("B", "${vault:{kv}/accounts/aws#KEY_ID}");
    vault
        .clone()
        .args(["--set", "C={{kv}/accounts/aws#other}"])
        .environ()
        .has("A", "p@ss/word")
        .has("B", "id")
        .has("C", "x");
    assert_eq!(vault.requests()[before..], [vault.fill("GET {kv}/data/accounts/aws")]);
}

#[test]
fn any_engine_is_read() {
    let vault = TestVault::kv1().secret("data/a", [("k", "v1")]).args(["--references"]);
    vault.clone().env("A", "vault:{kv}/data/a#k").environ().has("A", "v1");
    for nested in TestVault::each_nested() {
        let nested = nested.secret("a", [("k", "v")]).args(["--references"]);
        nested.env("A", "vault:{kv}/a#k").environ().has("A", "v");
    }
    let vault = vault.posted("sys/mounts/pki-{kv}", &json!({"type": "pki"}));
    let root = vault.post("pki-{kv}/root/generate/internal", &json!({"common_name": "test"}));
    let certificate = root["data"]["certificate"].as_str().unwrap();
    vault.env("CA", "vault:pki-{kv}/cert/ca#certificate").environ().has("CA", certificate);
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn user_and_password_of_a_database_are_of_one_read() {
    let vault = with_database("referred", &json!({"token_ttl": "3h"}));
    let vault = vault.with_only("--references").args(["--kv", "1"]);
    let vault = vault.env("USERNAME", "vault:db-{kv}/creds/referred#username");
    let vault = vault.env("PASSWORD", "${vault:db-{kv}/creds/referred#password}");
    let user = String::from_utf8(vault.run(PSQL).exits(0).stdout).unwrap();
    assert!(user.starts_with("v-approle-referred"), "{user}");
    assert_eq!(crate::auth::lease::database_users("referred"), 1);
}

#[test]
fn references_are_replaced_only_on_request() {
    let vault = accounts().env("A", "vault:{kv}/accounts/aws#KEY").env("B", "${vault:x");
    let vault = vault.path("accounts/aws").without("VAULT_EXEC_REFERENCES");
    vault.environ().has("A", vault.fill("vault:{kv}/accounts/aws#KEY")).has("B", "${vault:x").has("KEY", "p@ss/word");
}

#[test]
fn other_values_pass_byte_for_byte() {
    let vault = accounts().env("A", "vault:{kv}/accounts/aws#KEY");
    for value in ["vault:8200", "http://vault:8200/x#y", "$vault:x", "${x:-vault:y}", " vault:s/a#k", "VAULT:s/a#k"] {
        vault.clone().env("B", value).environ().has("B", value).has("A", "p@ss/word");
    }
    let reference = vault.fill("${vault:{kv}/accounts/aws#KEY}");
    let around = [b"\xff${x}".as_slice(), reference.as_bytes(), b"\xfe"].concat();
    vault.clone().env("B", OsString::from_vec(around)).environ().has("B", b"\xff${x}p@ss/word\xfe");
    vault.env("B", OsString::from_vec(b"\xff${vault:s/\xfe#k}".to_vec())).run(["true"]).exits(125);
    // A value of a secret is not searched.
    let vault = TestVault::kv2().secret("a", [("k", "${vault:x/y#z}"), ("l", "vault:x/y#z")]).path("a");
    let vault = vault.args(["--references"]).env("A", "vault:{kv}/a#l").args(["--set", "S={k}"]);
    vault.environ().has("A", "vault:x/y#z").has("S", "${vault:x/y#z}").has("K", "${vault:x/y#z}");
}

#[test]
fn what_cannot_be_replaced_is_an_error_without_the_value() {
    let vault = accounts();
    let malformed = "not a valid reference\nhint: write vault:PATH#KEY, or vault:PATH#KEY#N for version N; --set NAME=TEXT \
                     keeps any other value";
    for value in [
        "vault:L",
        "vault:8200,L",
        "vault:s/L",
        "vault:s/L#",
        "vault:s/a#L#x",
        "vault:s/a@1#k#L",
        "L${vault:s/a#L",
        "L${vault:8200}",
        "vault:s//L#k",
        "bao:s/a#k#1#L",
        "vault:",
    ] {
        is_refused(&vault, "A", &value.replace('L', LITERAL), malformed);
    }
    let template = "a reference with a Go template\nhint: compose the value with --set NAME={PATH#KEY}, see the filters \
                    of templates";
    for value in
        ["vault:s/a#L: ${title .K}", "vault:s/a#${.a}:${.b}", "L${vault:s/a#${.p | urlquery}}", "vault:s/a#{{ .L }}"]
    {
        is_refused(&vault, "A", &value.replace('L', LITERAL), template);
    }
    let write = "a reference that writes (>>vault:)\nhint: --write PATH?field=value sends the request, --set \
                 NAME={PATH#KEY} inserts a key of the response";
    for value in
        [">>vault:gen/L#value", "L${>>vault:pki/L#certificate}", ">>vault:t/decrypt/k#${.p}#{\"c\":\"vault:v1:L\"}"]
    {
        is_refused(&vault, "A", &value.replace('L', LITERAL), write);
    }
    let ciphertext = "ciphertext of the transit engine\nhint: store the value in a KV secret, or decrypt it with --write \
                      transit/decrypt/KEY?ciphertext=TEXT and --set NAME={transit/decrypt/KEY#plaintext|unbase64}";
    for value in ["vault:v1:L", "L${vault:v12:L}"] {
        is_refused(&vault, "A", &value.replace('L', LITERAL), ciphertext);
    }
    is_refused(
        &vault,
        "A",
        "vault:one-segment#L",
        "before the #: expected a mount and a secret in it, such as secret/app\nhint: write the path as in --path",
    );
    let kv1 = vault.clone().args(["--kv", "1"]);
    is_refused(
        &kv1,
        "A",
        "L${vault:s/a@1#k}",
        "before the #: expected a path without a version, which --kv 1 excludes\nhint: write the path as in --path",
    );
    // What is not inherited, or replaced, is not looked at.
    let vault = vault.path("accounts/aws").env("A", "vault:x");
    vault.clone().args(["--set", "A=vault:x"]).environ().has("A", "vault:x");
    vault.args(["--pristine"]).environ().lacks("A").has("KEY", "p@ss/word");
}

#[test]
fn vault_login_is_keep_token() {
    let login = "the login token is passed on by --keep-token, not by vault:login\n\
                 hint: unset the variable, name the login with --auth and --role, and give --keep-token";
    let vault = accounts().env("A", "vault:{kv}/accounts/aws#KEY");
    is_refused(&vault, "VAULT_TOKEN", "vault:login", login);
    is_refused(&vault.clone().args(["--pristine"]), "BAO_TOKEN", "bao:login", login);
    let token = vault.clone().args(["--keep-token"]).environ();
    token.has("VAULT_TOKEN", ROOT).has("A", "p@ss/word");
}

/// For the settings that are not those of the Vault CLI: the other half is at the methods.
#[test]
fn the_settings_of_vault_env_have_others_in_their_place() {
    let vault = accounts().env("A", "vault:{kv}/data/accounts/aws#KEY");
    // VAULT_ENV_FROM_PATH=PATH#1
    let path = vault.clone().env("VAULT_EXEC_PATH", "{kv}/data/accounts/aws@1").env("VAULT_EXEC_CASE", "keep");
    path.environ().has("KEY", "old").has("A", "p@ss/word");
    // VAULT_JSON_LOG, VAULT_LOG_LEVEL
    let logged = vault.clone().env("VAULT_EXEC_LOG_FORMAT", "json").env("VAULT_EXEC_VERBOSE", "2").environ();
    assert!(logged.stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{logged}");
    // VAULT_IGNORE_MISSING_SECRETS
    let missing = vault.env("A", "L${vault:{kv}/none#k}").env("VAULT_IGNORE_MISSING_SECRETS", "true").run(["true"]);
    assert!(missing.exits(125).stderr.starts_with(&accounts().fill("vault-exec: read ")));
}

#[test]
fn a_reference_overrides_a_key_and_is_overridden_by_set() {
    let vault = TestVault::kv2().secret("a", [("both", "key"), ("k", "of the reference")]).path("a");
    let vault = vault.env("BOTH", "vault:{kv}/a#k").args(["--references"]);
    for on_conflict in ["vault", "env", "error"] {
        let vault = vault.clone().args(["--on-conflict", on_conflict, "--on-duplicate", "error"]);
        vault.environ().has("BOTH", "of the reference");
    }
    for option in ["--set", "--file"] {
        let replaced = vault.clone().env("BOTH", "vault:{kv}/none#k").args([option, "BOTH=template"]);
        replaced.environ();
        // The inherited variable wins, so that its reference is replaced.
        let env = vault.clone().args([option, "BOTH=template", "--on-conflict", "env"]);
        env.environ().has("BOTH", "of the reference");
    }
    vault.clone().args(["--set", "BOTH=template"]).environ().has("BOTH", "template");
    vault.clone().args(["--set", "BOTH=x", "--on-conflict", "error"]).fails(
        "vault-exec: --on-conflict error: BOTH already in the environment\n\
         hint: unset them, --skip their keys, or choose --on-conflict vault or env\n",
    );
    let check = vault.clone().args(["--check", "--format", "json"]).alone().exits(0);
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    let expected = json!({"name": "BOTH", "source": "reference", "path": null, "key": null, "version": null,
                          "outcome": "replaces_inherited", "by": null});
    let decisions = report["variables"].as_array().unwrap();
    assert!(decisions.contains(&expected), "{check}");
    assert!(decisions.iter().any(|decision| decision["by"] == "--references"), "{check}");
    let story = vault.args(["-v"]).environ();
    let line = "BOTH from --references, replaces the inherited variable";
    assert!(story.stderr.contains(line), "{story}");
}

#[test]
fn explicit_and_pristine_know_references() {
    let vault = accounts().env("A", "vault:{kv}/accounts/aws#KEY").env("B", "vault:{kv}/accounts/aws#KEY_ID");
    vault.clone().args(["--explicit"]).environ().has("A", "p@ss/word").has("B", "id").lacks("KEY");
    let explicit = vault.clone().path("accounts/aws").args(["--explicit"]);
    explicit.environ().has("A", "p@ss/word").lacks("KEY");
    let kept = vault.clone().args(["--pristine", "--keep-env", "B"]);
    kept.environ().has("B", "id").lacks("A");
    vault.clone().args(["--require", "A"]).environ().has("A", "p@ss/word");
    // Nothing is left to read.
    let none = vault.args(["--pristine"]).run(["true"]).exits(125);
    assert!(none.stderr.starts_with("vault-exec: no path to read\n"), "{none}");
}

#[test]
fn the_mount_does_not_apply_to_references() {
    let vault = accounts().recorded().args(["--mount", "{kv}", "--path", "accounts/aws"]);
    vault.clone().env("A", "vault:{kv}/data/accounts/aws#KEY").environ().has("A", "p@ss/word").has("KEY", "p@ss/word");
    assert_eq!(vault.requests(), [vault.fill("GET {kv}/data/accounts/aws")]);
}

#[test]
fn a_key_that_cannot_be_inserted_is_an_error_of_the_variable() {
    let vault = TestVault::kv2().secret("a", r#"{"key":"v","none":null,"nul":"a\u0000b","object":{"x":[1,"b"]}}"#);
    let vault = vault.args(["--references"]);
    vault.clone().env("A", "vault:{kv}/a#object").environ().has("A", r#"{"x":[1,"b"]}"#);
    for (key, reason) in [
        ("ke", "unknown key `ke`\nhint: did you mean `key`?"),
        ("none", "key `none` is null\nhint: give it a value in the secret (\"\" is one)"),
    ] {
        is_refused(&vault, "A", &format!("{LITERAL}${{vault:{{kv}}/a#{key}}}"), reason);
    }
    let nul = vault.clone().env("A", "vault:{kv}/a#nul").run(["true"]).exits(125);
    assert!(nul.stderr.starts_with("vault-exec: --references A: its value contains a NUL byte"), "{nul}");
    let absent = vault.clone().args(["--optional-path", "{kv}/none"]);
    is_refused(
        &absent,
        "A",
        "vault:{kv}/none#k",
        &absent.fill(
            "no secret was read at `{kv}/none`\nhint: --optional-path lets a start do without it, a template or reference \
             does not",
        ),
    );
    let denied = vault.env("A", format!("{LITERAL}${{vault:{{kv}}/a#key}}"));
    let denied = denied.token_with_policy(r#"path "elsewhere" { capabilities = ["read"] }"#);
    let outcome = denied.run(["true"]).exits(125);
    assert!(
        outcome.stderr.contains(&denied.fill("path \"{kv}/data/a\" {\n  capabilities = [\"read\"]\n}\n")),
        "{outcome}"
    );
    assert!(!outcome.stderr.contains(LITERAL), "{outcome}");
}

#[test]
fn a_secret_must_not_become_a_part_of_a_dangerous_name() {
    let vault = accounts();
    for name in ["LD_PRELOAD", "NODE_OPTIONS", "SSL_CERT_FILE", "JAVA_OPTS"] {
        let vault = vault.clone().env(name, "x${vault:{kv}/accounts/aws#other}");
        let outcome = vault.run(["true"]).exits(125);
        let start = format!("vault-exec: --references: a secret would become a part of {name}, ");
        assert!(outcome.stderr.starts_with(&start), "{outcome}");
        let hint = "\nhint: permit the name with --allow-name, or set it with --set on the command line\n";
        assert!(outcome.stderr.ends_with(hint), "{outcome}");
        if name != "LD_PRELOAD" {
            vault.args(["--allow-name", name]).environ().has(name, "xx");
        }
    }
}

#[test]
fn no_message_contains_a_value() {
    let vault = TestVault::locked().args(["--references"]).env("VAULT_TOKEN", ROOT);
    let vault = vault.env("A", format!("{LITERAL}${{vault:{{kv}}/a#k}}"));
    for options in [&["-vv"][..], &["-vv", "--log-format", "json"], &["--check"], &["--check", "--format", "json"]] {
        let outcome = vault.clone().args(options.iter().copied()).run(["true"]).exits(0);
        assert_no_secrets(&vault, &outcome);
        assert!(!format!("{}{}", outcome.stderr, String::from_utf8_lossy(&outcome.stdout)).contains(LITERAL));
    }
}
