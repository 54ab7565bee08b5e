//! What was typed, what variables say instead, and what is wrong with either.

use std::time::{Duration, Instant};

use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;

const USAGE: &str = "hint: vault-exec --help lists the options; those of the program come after --\n";

/// A call without a server.
fn typed<const N: usize>(args: [&str; N]) -> TestVault {
    TestVault::bare().args(args)
}

#[test]
fn an_unknown_option_is_an_error_without_its_value() {
    let unknown = |option: &str| format!("vault-exec: unexpected argument '{option}' found\n");
    typed(["--pth", "a/b", "--", "true"])
        .alone_fails(&(unknown("--pth") + "hint: did you mean --path? Options of the program come after --\n"));
    typed(["-x"]).alone_fails(&(unknown("-x") + USAGE));
    for token in [&["--token", ROOT][..], &["--token=bed-root-token"]] {
        let hint = "hint: credentials are never options: set VAULT_TOKEN, or name a file with --token-file\n";
        typed([]).args(token.iter().copied()).fails(&(unknown("--token") + hint));
    }
    for name in ["secret-id", "jwt", "password"] {
        let variable = name.to_uppercase().replace('-', "_");
        let hint = format!("credentials are never options: set VAULT_{variable}, or name a file with --{name}-file\n");
        typed([&format!("--{name}=hunter2")]).fails(&format!("{}hint: {hint}", unknown(&format!("--{name}"))));
    }
    // As for the Vault CLI.
    for (word, option) in [("-path=hunter2", "path"), ("-address", "address"), ("-verbose", "verbose")] {
        let hint = format!("hint: did you mean --{option}? Options of the program come after --\n");
        typed([word, "a/b"]).fails(&(unknown(&format!("-{option}")) + &hint));
    }
    let hint = "hint: credentials are never options: set VAULT_TOKEN, or name a file with --token-file\n";
    typed(["-token=hunter2"]).fails(&(unknown("-token") + hint));
    typed(["-phunter2"]).alone_fails(&(unknown("-p") + USAGE));
    typed(["--path"]).alone_fails(&format!(
        "vault-exec: a value is required for '--path <PATH[@N]>' but none was supplied\n{USAGE}"
    ));
}

#[test]
fn a_program_and_a_path_are_required() {
    let no_program = "vault-exec: no program to start\nhint: vault-exec [OPTIONS] [--] COMMAND [ARG]...\n";
    typed([]).alone_fails(no_program);
    typed(["--path", "a/b"]).alone_fails(no_program);
    typed(["--path", "a/b", "--"]).alone_fails(no_program);
    let no_path = super::project::NO_PATH;
    typed([]).fails(no_path);
    typed(["--path", ""]).fails(no_path);
    typed([]).env("VAULT_EXEC_PATH", " ,\n").fails(no_path);
}

#[test]
fn an_invalid_value_is_an_error() {
    for (option, value, message) in [
        ("--kv", "3", "`3`: expected auto, 1 or 2\n"),
        ("--case", "lower", "`lower`: expected upper or keep\n"),
        ("--on-conflict", "both", "`both`: expected vault, env or error\n"),
        ("--log-format", "xml", "`xml`: expected text or json\n"),
        ("--attempts", "few", "`few`: expected a number from 1\n"),
        ("--timeout", "soon", "`soon`: expected a duration such as 60s, 1m30s or 500ms\n"),
        ("--timeout", "0", "`0`: expected a duration such as 60s, 1m30s or 500ms\n"),
        ("--path", "a/b@0", "`a/b@0`: expected a version number from 1 after the `@`\n"),
        ("--path", "a//b", "`a//b`: expected a path without empty, `.` or `..` segments\n"),
        ("--path", "a/../b", "`a/../b`: expected a path without empty, `.` or `..` segments\n"),
        ("--path", "a/b\nc", "`a/b\\nc`: expected a path without control characters\n"),
        ("--mount", "/", "`/`: expected a path\n"),
        ("--allow-name", "1A", "`1A`: expected a variable name: letters, digits and `_`, no digit first\n"),
    ] {
        typed(["--path", "a/b", option, value]).fails(&format!("vault-exec: {option}: {message}"));
        let variable = format!("VAULT_EXEC_{}", option.trim_start_matches('-').replace('-', "_").to_uppercase());
        if option != "--path" {
            typed(["--path", "a/b"]).env(&variable, value).fails(&format!("vault-exec: {variable}: {message}"));
        }
    }
    typed(["--path", "secret"])
        .fails("vault-exec: --path: `secret`: expected a mount and a secret in it, such as secret/app\n");
}

#[test]
fn an_invalid_address_is_an_error() {
    for (address, shown, expected) in [
        ("localhost:8200", "localhost:8200", "an address that starts with https://, http:// or unix:///"),
        ("127.0.0.1:8200", "127.0.0.1:8200", "an address that starts with https://, http:// or unix:///"),
        ("vault.example.com", "vault.example.com", "an address that starts with https://, http:// or unix:///"),
        ("https://vault:x", "https://vault:x", "a URL such as https://vault.example.com:8200"),
        ("http://127.0.0.1/?x", "http://127.0.0.1/…", "an address without `?` and `#`"),
        ("https://me:hunter2@vault", "https://…@vault", "an address without a user name"),
    ] {
        let message = |source: &str| format!("vault-exec: {source}: `{shown}`: expected {expected}\n");
        typed(["--path", "a/b", "--address", address]).fails(&message("--address"));
        typed(["--path", "a/b"]).env("VAULT_ADDR", address).fails(&message("VAULT_ADDR"));
    }
}

#[test]
fn a_password_in_an_address_is_not_printed() {
    for address in [
        "https://me:hunter2@vault:port",
        "ftp://me:hunter2@vault",
        "me:hunter2@vault:8200",
        "http://v/?hunter2",
        "https://me:1#hunter2@vault",
        "https://v/?a=b@hunter2",
    ] {
        let outcome = typed(["--path", "a/b"]).env("VAULT_ADDR", address).run(["true"]).exits(125);
        assert!(!outcome.stderr.contains("hunter2"), "{outcome}");
    }
}

#[test]
fn a_secret_in_place_of_a_flag_or_a_name_is_not_printed() {
    let hint = "hint: vault-exec --help lists the options; those of the program come after --\n";
    for switch in ["--unwrap-token", "--keep-token", "--secret-id-wrapped"] {
        typed(["--path", "a/b", &format!("{switch}=hunter2")])
            .fails(&format!("vault-exec: {switch} takes no value\n{hint}"));
        let variable = format!("VAULT_EXEC_{}", switch.trim_start_matches("--").replace('-', "_").to_uppercase());
        let vault = typed(["--path", "a/b", "--auth", "approle", "--role-id", "me"]);
        let stderr = vault.env(variable, "hunter2").run(["true"]).exits(125).stderr;
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
    for (option, value, expected) in [
        ("--set", "postgres://me:hunter2@db/x", "NAME=TEMPLATE such as PGPASSWORD={postgres_password}"),
        ("--set", "=hunter2", "a variable name before the `=`"),
        (
            "--file",
            "postgres://me:hunter2@db/x?a=b",
            "a variable name before the `=`: letters, digits and `_`, no digit first",
        ),
    ] {
        let message = format!("vault-exec: {option}: expected {expected}\n");
        typed(["--path", "a/b", option, value]).fails(&message);
    }
}

#[test]
fn flags_in_variables_follow_go() {
    let vault = TestVault::kv2().secret("a", [("k", "v")]).path("a").env("A", "1");
    for yes in ["1", "t", "T", "true", "TRUE", "True"] {
        vault.clone().env("VAULT_EXEC_PRISTINE", yes).environ().has_only(["K=v"]);
    }
    for no in ["", "0", "f", "F", "false", "FALSE", "False"] {
        vault.clone().env("VAULT_EXEC_PRISTINE", no).environ().has("A", "1");
    }
    for wrong in ["yes", "on", "tRUE", " 1"] {
        vault
            .clone()
            .env("VAULT_SKIP_VERIFY", wrong)
            .fails("vault-exec: VAULT_SKIP_VERIFY: expected true, t, 1, false, f or 0\n");
    }
}

#[test]
fn the_sources_of_the_address_have_an_order() {
    let nowhere = "http://127.0.0.1:1";
    let vault = TestVault::kv2().secret("a", [("k", "v")]).path("a").args(["--attempts", "1"]);
    let right = vault.fill("{addr}");
    let works = |vault: TestVault| drop(vault.environ().has("K", "v"));
    works(vault.clone().env("VAULT_ADDR", nowhere).env("BAO_ADDR", &right));
    works(vault.clone().env("BAO_ADDR", nowhere).env("VAULT_EXEC_ADDRESS", &right));
    works(vault.clone().env("VAULT_EXEC_ADDRESS", nowhere).args(["--address", &right]));
    works(vault.clone().env("VAULT_EXEC_ADDRESS", "").args(["--address", ""]));
    works(vault.clone().args(["--address", &format!("{right}/")]));
    // At once: no retry would be right.
    let start = Instant::now();
    TestVault::kv2().path("a").env("BAO_ADDR", "").fails(
        "vault-exec: read {kv}/a: https://127.0.0.1:8200: connection refused, and no address was given\n\
         hint: give the server's address with VAULT_ADDR or --address\n",
    );
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
}

#[test]
fn variables_apply_where_options_are_missing() {
    for vault in TestVault::each() {
        let version = if vault.is_kv1() { "1" } else { "2" };
        let vault = vault.secret("a", [("x", "1"), ("y", "2"), ("z", "3")]).secret("b", [("x", "b")]).recorded();
        let all = vault
            .env("VAULT_EXEC_PATH", "a")
            .env("VAULT_EXEC_OPTIONAL_PATH", "absent, b")
            .env("VAULT_EXEC_MOUNT", "{kv}")
            .env("VAULT_EXEC_KV", version)
            .env("VAULT_EXEC_ONLY", "x,y")
            .env("VAULT_EXEC_SKIP", "y\n")
            .env("VAULT_EXEC_PREFIX", "P_")
            .env("VAULT_EXEC_CASE", "keep")
            .env("VAULT_EXEC_PRISTINE", "true")
            .env("VAULT_EXEC_KEEP_ENV", "A")
            .env("A", "a");
        all.environ().has_only(["A=a", "P_x=b"]);
        all.clone().env("VAULT_EXEC_REQUIRE", "P_y\nP_x, P_z").fails(
            "vault-exec: --require: not set or empty: P_y, P_z\n\
             hint: add the keys to a secret that --path names, or set the variables\n",
        );
        all.args(["--case", "upper", "--only", "z", "--prefix", "Q_"]).environ().has_only(["A=a", "Q_Z=3"]);
    }
}

#[test]
fn only_lists_in_variables_are_split() {
    let vault = TestVault::kv2().secret("a", [("k", "a"), ("l", "a")]).secret("b", [("k", "b")]);
    vault.clone().env("VAULT_EXEC_PATH", "{kv}/a,{kv}/b").environ().has("K", "b").has("L", "a");
    vault.clone().env("VAULT_EXEC_PATH", "\n{kv}/b\n{kv}/a\n").environ().has("K", "a").has("L", "a");
    vault.clone().env("VAULT_EXEC_PATH", "{kv}/a").path("b").environ().has("K", "b").lacks("L");
    vault.secret("a,b", [("k", "comma")]).path("a,b").environ().has("K", "comma");
}

#[test]
fn a_variable_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(b"\xff".to_vec());
    typed([]).env("VAULT_EXEC_PATH", odd).fails("vault-exec: VAULT_EXEC_PATH: not UTF-8\n");
}

#[test]
fn help_and_version_go_to_standard_output_and_hold_no_value() {
    let variables = "VAULT_TOKEN BAO_TOKEN VAULT_ADDR BAO_ADDR VAULT_NAMESPACE VAULT_CACERT VAULT_EXEC_PATH \
                     VAULT_EXEC_KV VAULT_EXEC_LOG_FORMAT";
    let vault = variables.split_whitespace().fold(TestVault::bare(), |vault, name| vault.env(name, "hunter2"));
    for option in ["--help", "-h"] {
        let outcome = vault.clone().args([option]).alone().exits(0).stderr_is("");
        let text = String::from_utf8(outcome.stdout.clone()).unwrap();
        assert!(text.contains("\nUsage: vault-exec [OPTIONS] [--] COMMAND [ARG]...\n"), "{outcome}");
        assert!(!text.contains("hunter2"), "{outcome}");
    }
    for option in ["--version", "-V"] {
        let version = concat!("vault-exec ", env!("CARGO_PKG_VERSION"), "\n");
        vault.clone().args([option]).alone().exits(0).stderr_is("").stdout_is(version);
    }
}
