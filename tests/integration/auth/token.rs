//! The sources of the token.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::openbao::ROOT;
use crate::support::vault::{DOUBTED, TestVault};

/// A test vault with a secret and without a token.
fn without_token() -> TestVault {
    TestVault::kv2().secret("a", [("k", "v")]).path("a").without("VAULT_TOKEN")
}

fn works(vault: &TestVault) {
    vault.environ().has("K", "v");
}

const NONE: &str = "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and {home}/.vault-token \
    does not exist\n\
                    hint: set VAULT_TOKEN, give a --token-file, choose an --auth method, or log in with `vault \
                    login`\n";

#[test]
fn the_token_comes_from_a_variable() {
    for vault in TestVault::each() {
        works(&vault.secret("a", [("k", "v")]).path("a").env("VAULT_TOKEN", ROOT));
    }
    works(&without_token().env("BAO_TOKEN", ROOT));
}

#[test]
fn bao_token_wins_over_vault_token_unless_empty() {
    works(&without_token().env("BAO_TOKEN", ROOT).env("VAULT_TOKEN", "hvs.wrong"));
    without_token().env("BAO_TOKEN", "hvs.wrong").env("VAULT_TOKEN", ROOT).fails(DOUBTED);
    let hidden = NONE.replace("VAULT_TOKEN is not set", "BAO_TOKEN is empty and hides VAULT_TOKEN");
    let hidden = hidden.replace("set VAULT_TOKEN", "unset BAO_TOKEN or give it a value");
    without_token().env("BAO_TOKEN", "").env("VAULT_TOKEN", ROOT).fails(&hidden);
    works(&without_token().env("BAO_TOKEN", "").env("VAULT_TOKEN", "hvs.wrong").file(".vault-token", ROOT));
}

#[test]
fn the_token_comes_from_a_file() {
    let vault = without_token().file("token", ROOT);
    works(&vault.clone().args(["--token-file", "{home}/token"]));
    works(&vault.clone().args(["--token-file", "token"]));
    for variable in ["VAULT_TOKEN_FILE", "BAO_TOKEN_FILE", "BAO_TOKEN_PATH", "VAULT_EXEC_TOKEN_FILE"] {
        works(&vault.clone().env(variable, "{home}/token"));
    }
    works(&vault.file(".vault-token", ROOT));
}

#[test]
fn the_sources_of_the_token_have_an_order() {
    let vault = without_token().file("right", ROOT).file("wrong", "hvs.wrong").file(".vault-token", "hvs.wrong");
    works(&vault.clone().env("VAULT_TOKEN", ROOT).args(["--token-file", "wrong"]));
    works(&vault.clone().args(["--token-file", "right"]).env("VAULT_EXEC_TOKEN_FILE", "wrong"));
    works(&vault.clone().env("VAULT_EXEC_TOKEN_FILE", "right").env("BAO_TOKEN_PATH", "wrong"));
    works(&vault.clone().env("BAO_TOKEN_PATH", "right").env("VAULT_TOKEN_FILE", "wrong"));
    works(&vault.clone().env("VAULT_TOKEN_FILE", "right"));
    vault.fails(DOUBTED);
}

#[test]
fn the_token_is_trimmed() {
    let spaced = format!(" \t{ROOT}\r\n\n");
    works(&without_token().env("VAULT_TOKEN", &spaced));
    works(&without_token().file("token", &spaced).args(["--token-file", "token"]));
    works(&without_token().file(".vault-token", &spaced));
}

#[test]
fn a_token_with_an_unprintable_character_is_never_sent() {
    let vault = without_token().recorded();
    for inner in ["\n", "\r\nX-Evil: 1\r\n", "\t", "\x07", "\x7f", "ü"] {
        let damaged = format!("bed-{inner}-token");
        let what = if inner == "ü" { "a character is not allowed in a token" } else { "unprintable character" };
        let message = |from: &str| {
            format!(
                "vault-exec: {from}: {what}\n\
                 hint: probably corrupted on its way: write it again, on one line\n"
            )
        };
        vault.clone().env("VAULT_TOKEN", &damaged).fails(&message("VAULT_TOKEN")).asked([]);
        vault.clone().env("BAO_TOKEN", &damaged).fails(&message("BAO_TOKEN")).asked([]);
        let file = vault.clone().file("token", &damaged);
        file.clone().args(["--token-file", "token"]).fails(&message("--token-file: token")).asked([]);
        file.file(".vault-token", &damaged).fails(&message("{home}/.vault-token")).asked([]);
    }
    vault
        .env("VAULT_TOKEN", OsString::from_vec(b"bed-\xff".into()))
        .fails("vault-exec: VAULT_TOKEN: not UTF-8\n")
        .asked([]);
}

#[test]
fn an_empty_token_is_an_error() {
    let message = |from: &str| format!("vault-exec: {from}: empty\nhint: set the credential, or use another source\n");
    let vault = without_token().recorded();
    for empty in ["", " \n"] {
        let vault = vault.clone().file("token", empty).file(".vault-token", empty);
        vault.clone().args(["--token-file", "token"]).fails(&message("--token-file: token")).asked([]);
        vault.fails(&message("{home}/.vault-token")).asked([]);
    }
    vault.env("VAULT_TOKEN", " \n").fails(&message("VAULT_TOKEN")).asked([]);
}

#[test]
fn an_unreadable_token_file_is_an_error() {
    let vault = without_token().recorded();
    let hint = "hint: check that it exists and that the user of vault-exec can read it\n";
    let missing = format!("No such file or directory\n{hint}");
    vault
        .clone()
        .args(["--token-file", "{home}/none"])
        .fails(&format!("vault-exec: --token-file: {{home}}/none: {missing}"))
        .asked([]);
    vault
        .clone()
        .env("VAULT_TOKEN_FILE", "{home}/none/token")
        .file(".vault-token", ROOT)
        .fails(&format!("vault-exec: VAULT_TOKEN_FILE: {{home}}/none/token: {missing}"))
        .asked([]);
    vault
        .clone()
        .args(["--token-file", "{home}"])
        .fails(&format!("vault-exec: --token-file: {{home}}: Is a directory\n{hint}"))
        .asked([]);
    vault
        .args(["--token-file", "/dev/zero"])
        .fails(&format!("vault-exec: --token-file: /dev/zero: larger than 1 MiB\n{hint}"))
        .asked([]);
}

#[test]
fn a_secret_in_place_of_a_file_name_is_not_printed() {
    let message = |from: &str| {
        format!(
            "vault-exec: {from}: the value must be the name of a file, and no such file exists\n\
             hint: check the name, which is not shown because it may be the secret itself\n"
        )
    };
    let vault = without_token().recorded();
    for secret in [
        "hvs.hunter2",
        "3f1c2a9e-hunter2",
        "hunter2/hunter2",
        &"hunter2".repeat(100),
        "BEGIN\nhunter2",
        "/hunter2+x=",
        "/hunter2/x+/y",
        "/tmp/hunter2\nx",
    ] {
        vault.clone().args(["--token-file", secret]).fails(&message("--token-file")).asked([]);
        vault.clone().env("BAO_TOKEN_PATH", secret).fails(&message("BAO_TOKEN_PATH")).asked([]);
        let login = vault.clone().args(["--auth", "approle", "--role-id", "me", "--secret-id-file", secret]);
        login.fails(&message("log in at auth/approle: --secret-id-file")).asked([]);
    }
}

#[test]
fn without_a_token_the_message_names_its_sources() {
    let vault = without_token().recorded();
    vault.fails(NONE).asked([]);
    vault.clone().env("VAULT_TOKEN", "").fails(NONE).asked([]);
    vault.clone().env("HOME", "/dev/null").fails(&NONE.replace("{home}", "/dev/null")).asked([]);
    vault.without("HOME").fails(&NONE.replace("{home}/.vault-token does not exist", "HOME is not set")).asked([]);
}
