//! Values put together by templates, as variables and as files in memory.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::support::vault::TestVault;

/// A password that a URL must not be taken in by.
const PASSWORD: &str = "p@ss:/?#%";

fn postgres() -> TestVault {
    TestVault::kv2().secret("db", [("user", "me"), ("password", PASSWORD), ("db", "app")]).path("db")
}

#[test]
fn a_template_composes_a_url_from_encoded_parts() {
    let url = "URL=postgresql+psycopg2://{user|url}:{password|url}@postgres/{db}";
    let outcome = postgres().args(["--set", url]).environ();
    outcome.has("URL", "postgresql+psycopg2://me:p%40ss%3A%2F%3F%23%25@postgres/app").has("USER", "me");
}

#[test]
fn a_variable_is_renamed_and_nothing_else_exported() {
    let vault = postgres().args(["--pristine", "--explicit", "--set", "PGPASSWORD={password}"]);
    vault.run(["/bin/cat", "/proc/self/environ"]).exits(0).has_only(["PGPASSWORD=p@ss:/?#%"]);
}

#[test]
fn a_template_selects_the_path_of_a_key() {
    let vault = TestVault::kv2().secret("a", [("k", "first")]).secret("b", [("k", "last")]).path("a").path("b");
    let vault = vault.args(["--set", "FIRST={{kv}/a#k}", "--set", "LAST={k}"]);
    vault.environ().has("FIRST", "first").has("LAST", "last").has("K", "last");
}

#[test]
fn a_template_names_a_path_that_exports_nothing() {
    for vault in TestVault::each() {
        let vault = vault.secret("db", [("k", "db"), ("path", "/evil"), ("odd-", "x"), ("odd_", "y")]);
        let vault = vault.secret("app", [("k", "app"), ("l", "l")]).recorded();
        let named = vault.clone().args(["--set", "A={{kv}/db#k}{/{kv}/db/#odd-}", "--file", "F={{kv}/db#path}"]);
        named.environ().has("A", "dbx").lacks("K").lacks("ODD_");
        let both = named.clone().path("app").args(["--set", "B={k}", "--on-duplicate", "error"]);
        both.environ().has("A", "dbx").has("B", "app").has("K", "app").has("L", "l").lacks("ODD_");
        let check = both.clone().args(["--check"]).alone().exits(0);
        let table = String::from_utf8_lossy(&check.stdout);
        let sources = table.lines().take_while(|line| !line.is_empty()).map(|line| line.split(" @").next().unwrap());
        let expected =
            ["K         {kv}/app#k", "L         {kv}/app#l", "A         --set", "B         --set", "F         --file"];
        assert_eq!(sources.collect::<Vec<_>>(), expected.map(|line| vault.fill(line)), "{check}");
        // A key without a path, and one to take or to leave out, is one of a secret that an option names.
        both.args(["--set", "C={path}"]).fails(
            "vault-exec: --set C: column 1: unknown key `path`\n\
             hint: the keys are `k`, `l`\n",
        );
        let other = named.path("app").args(["--only", "odd-"]);
        other.fails("vault-exec: --only odd-: not found in any secret\nhint: the keys are `k`, `l`\n");
        vault.clone().args(["--set", "A={{kv}/none#k}"]).fails(
            "vault-exec: read {kv}/none: no such secret\n\
             hint: `vault kv list {kv}` lists the secrets\n",
        );
        let neither = vault.args(["--set", "A=constant"]).run(["true"]).exits(125);
        assert!(neither.stderr.starts_with("vault-exec: no path to read\n"), "{neither}");
    }
}

/// However it is spelled, and with whichever of `options` it is also named.
#[test]
fn a_path_that_a_template_names_as_well_is_read_once() {
    let vault = TestVault::kv2().secret("a", [("k", "one"), ("l", "x")]).secret("a", [("k", "two")]).recorded();
    for options in [["--path", "{kv}/a"], ["--optional-path", "{kv}/data/a"], ["--path", "P_=/v1/{kv}/data/a/"]] {
        let before = vault.requests().len();
        let vault = vault.clone().args(options);
        let set = ["--set", "A={{kv}/a#k}", "--set", "B={/{kv}/data/a/#k}{v1/{kv}/data/a#k}", "--set", "C={k}"];
        vault.clone().args(set).environ().has("A", "two").has("B", "twotwo").has("C", "two");
        let path = vault.fill("GET {kv}/data/a");
        assert_eq!(vault.requests()[before..], [path.as_str()], "{options:?}");
        let before = vault.requests().len();
        let pinned = vault.clone().args(["--set", "A={{kv}/a@1#k}{{kv}/data/a@1#l}{{kv}/a@2#k}"]);
        pinned.environ().has("A", "onextwo").lacks("L");
        assert_eq!(vault.requests().len() - before, 3, "{options:?}");
    }
    let mounted = vault.clone().args(["--mount", "{kv}", "--path", "a", "--set", "A={a#k}{/a@1#k}"]);
    mounted.environ().has("A", "twoone");
    // An option says that the secret may be missing; what uses it does not.
    let absent = vault.args(["--path", "{kv}/a", "--optional-path", "{kv}/none"]);
    absent.environ().has("K", "two");
    absent.args(["--set", "A={{kv}/none#k}"]).fails(
        "vault-exec: --set A: column 1: no secret was read at `{kv}/none`\n\
         hint: --optional-path lets a start do without it, a template or reference does not\n",
    );
}

#[test]
fn templates_may_be_the_lines_of_a_variable() {
    let vault = postgres().env("VAULT_EXEC_SET", "A={user},{db}\nB={{}}");
    vault.environ().has("A", "me,app").has("B", "{}").lacks("VAULT_EXEC_SET");
}

#[test]
fn set_may_use_any_name() {
    let vault = TestVault::kv2().secret("a", [("path", "/evil"), ("k", "v")]).path("a");
    vault.clone().args(["--set", "PATH=/usr/bin:/bin:{k}"]).environ().has("PATH", "/usr/bin:/bin:v");
    let vault = vault.args(["--skip", "path"]);
    for name in ["discovery.type", "xpack.security.enabled", "1", "a b", "BASH_FUNC_f%%", "é", "a-b/c", "\u{1b}[31m"] {
        let set = format!("{name}=x={{k}}");
        vault.clone().args(["--set", &set]).environ().has(name, "x=v");
        vault.clone().env("VAULT_EXEC_SET", set).environ().has(name, "x=v");
        let check = vault.clone().args(["--set", &format!("{name}={{k}}"), "--check"]).alone().exits(0);
        let shown = name.replace('\u{1b}', "\\u{1b}");
        assert!(String::from_utf8_lossy(&check.stdout).lines().any(|line| line.starts_with(&shown)), "{check}");
    }
    vault.clone().args(["--set", "=x"]).fails("vault-exec: --set: expected a variable name before the `=`\n");
    let portable = "expected a variable name before the `=`: letters, digits and `_`, no digit first\n";
    vault.args(["--file", "a/b={k}"]).fails(&format!("vault-exec: --file: {portable}"));
}

#[test]
fn an_explicit_start_exports_something() {
    let vault = postgres().args(["--explicit"]);
    vault.fails(
        "vault-exec: --explicit requires --set, --file or --references\nhint: give both, or leave --explicit out\n",
    );
    vault.clone().args(["--set", "A={user}"]).environ().has("A", "me").lacks("USER");
    vault.args(["--file", "A={user}"]).environ().lacks("USER");
}

#[test]
fn the_options_of_files_require_a_file_on_the_command_line() {
    let vault = postgres().args(["--set", "A={user}"]);
    for (option, value) in [("--file-dir", "/none"), ("--file-mode", "0444")] {
        vault
            .clone()
            .args([option, value])
            .fails(&format!("vault-exec: {option} requires --file\nhint: give both, or leave {option} out\n"));
        // An image may choose them for the files of any start.
        let variable = format!("VAULT_EXEC_{}", option[2..].to_uppercase().replace('-', "_"));
        vault.clone().env(variable, value).environ().has("A", "me");
    }
}

#[test]
fn template_errors_have_a_column() {
    postgres().args(["--set", "A=x{pasword}"]).fails(
        "vault-exec: --set A: column 2: unknown key `pasword`\n\
         hint: did you mean `password`?\n",
    );
    postgres().args(["--set", "A={key}"]).fails(
        "vault-exec: --set A: column 1: unknown key `key`\n\
         hint: the keys are `db`, `password`, `user`\n",
    );
    let keys: serde_json::Map<_, _> =
        (0..12).map(|number| (format!("\u{1b}key-of-the-secret-{number:02}"), "v".into())).collect();
    let outcome = TestVault::kv2()
        .secret("many", serde_json::Value::from(keys))
        .path("many")
        .args(["--set", "A={user}"])
        .run(["true"])
        .exits(125);
    let hint = outcome.stderr.lines().last().unwrap();
    assert!(hint.starts_with("hint: the keys are `\\u{1b}key-of-the-secret-00`, "), "{outcome}");
    assert!(hint.ends_with("-09` and 2 more"), "{outcome}");
    postgres().args(["--optional-path", "{kv}/none", "--file", "A={{kv}/none#k}"]).fails(
        "vault-exec: --file A: column 1: no secret was read at `{kv}/none`\n\
         hint: --optional-path lets a start do without it, a template or reference does not\n",
    );
    for (options, path, expected) in [
        (["--kv=auto", "--path={kv}/db"], "db", "a mount and a secret in it, such as secret/app"),
        (["--kv=1", "--path={kv}/db"], "{kv}/db@1", "a path without a version, which --kv 1 excludes"),
    ] {
        postgres().args(options).args(["--set", &format!("A={{{path}#k}}")]).fails(&format!(
            "vault-exec: --set A: column 1: before the #: expected {expected}\n\
             hint: write the path as in --path\n"
        ));
    }
    postgres().args(["--set", "A={a//b#k}"]).fails(
        "vault-exec: --set A: column 1: before the #: expected a path without empty, `.` or `..` segments\n\
         hint: write the path as in --path\n",
    );
    postgres().args(["--set", "A={user"]).fails(
        "vault-exec: --set A: column 1: unclosed {\n\
         hint: {key} inserts a value; {{ and }} are literal braces\n",
    );
}

#[test]
fn a_check_warns_about_the_syntax_of_other_templates() {
    let set = ["--set", "A=pg://${user}@db", "--set", "B={{ .Data.data.user }}", "--set", r#"C={{"a": "{user}"}}"#];
    let vault = postgres().args(["--explicit"]).args(set).args(["--file", "F={{ user }}"]);
    vault.environ().has("A", "pg://$me@db").has("B", "{ .Data.data.user }").has("C", r#"{"a": "me"}"#).stderr_is("");
    let hint = "hint: {key} inserts a value\n";
    let braces = "`{{ … }}` is text in single braces";
    let warnings = format!(
        "problems  none\nwarnings  3\n\nwarning: --set A: `${{…}}` is a dollar sign before a value\n{hint}\n\
         warning: --set B: {braces}\n{hint}\nwarning: --file F: {braces}\n{hint}"
    );
    let check = vault.clone().args(["--check"]).alone().exits(0).stderr_is("");
    assert!(String::from_utf8_lossy(&check.stdout).ends_with(&warnings), "{check}");
    let check = vault.args(["--check", "--format", "json"]).alone().exits(0);
    let json: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!((json["ok"].as_bool(), json["problems"].as_array().map(Vec::len)), (Some(true), Some(0)));
    let expected = serde_json::json!({"message": format!("--set B: {braces}"), "hint": "{key} inserts a value"});
    assert_eq!((&json["warnings"][1], json["warnings"].as_array().map(Vec::len)), (&expected, Some(3)));
}

#[test]
fn a_keystore_and_a_service_account_come_out_byte_for_byte() {
    let keystore: Vec<u8> = b"\xfe\xed\xfe\xed\0\0\0\x02".iter().copied().chain((0..=255).cycle().take(5000)).collect();
    let account =
        "{\n  \"type\": \"service_account\",\n  \"private_key\": \"-----BEGIN\\nA=\\n\",\n  \"n\": 1e400\n}\n";
    // As `base64` writes it.
    let lines: Vec<String> =
        STANDARD.encode(&keystore).as_bytes().chunks(76).map(String::from_utf8_lossy).map(Into::into).collect();
    let keys = json!({"keystore": lines.join("\n") + "\n", "url_safe": URL_SAFE_NO_PAD.encode(&keystore),
        "account": account, "bundle": STANDARD.encode(json!({"files": [{"a/b|c": account}]}).to_string())});
    let vault = TestVault::kv2().secret("app", keys).path("app").args(["--explicit"]);
    let cat = |template: &str| {
        let vault = vault.clone().args(["--file", &format!("F={template}")]);
        vault.run(["sh", "-c", r#"cat "$F""#]).exits(0).stderr_is("").stdout.clone()
    };
    assert_eq!(cat("{keystore|unbase64}"), keystore);
    assert_eq!(cat("{url_safe|unbase64}"), keystore);
    assert_eq!(cat("{account}"), account.as_bytes());
    assert_eq!(cat("{account|json:/private_key}"), b"-----BEGIN\nA=\n");
    assert_eq!(cat("{bundle|unbase64|json:/files/0/a~1b%7Cc}"), account.as_bytes());
    vault.clone().args(["--set", "N={account|json:/n}"]).environ().has("N", "1e400");
    vault.args(["--set", "K={keystore|unbase64}"]).fails(
        "vault-exec: --set K: its value contains a NUL byte, which no variable can\n\
         hint: pass it as a file with --file\n",
    );
}

#[test]
fn a_filter_that_does_not_fit_the_value_says_so_without_it() {
    let vault = TestVault::kv2().secret("a", [("k", "hunter2")]).path("a");
    for (filters, why) in [
        ("unbase64", "unbase64: the value is not valid Base64"),
        ("json:/a", "json: the value is not valid JSON"),
        ("base64|unbase64|json:", "json: the value is not valid JSON"),
    ] {
        vault.clone().args(["--set", &format!("A={{k|{filters}}}")]).fails(&format!(
            "vault-exec: --set A: column 1: {why}\n\
             hint: check the value in the secret, and the filters of the template\n",
        ));
    }
    vault.args(["--set", "A={k|json:a}"]).fails(
        "vault-exec: --set A: column 1: unknown filter `json:a`\n\
         hint: the filters are url, base64, unbase64 and json:/NAME/INDEX, a JSON pointer (RFC 6901)\n",
    );
}

#[test]
fn a_file_can_be_read_repeatedly_and_by_children() {
    let script = r#"cat "$F" "$F"; sh -c 'cat "$F"'; stat -Lc ' %a' "$F""#;
    let vault = postgres().args(["--file", "F={password}\n"]);
    let thrice = format!("{PASSWORD}\n").repeat(3);
    vault.run(["sh", "-c", script]).exits(0).stdout_is(format!("{thrice} 400\n"));
}

#[test]
fn a_file_cannot_be_changed() {
    let script = r#"chmod 600 "$F"; echo changed > "$F"; cat "$F""#;
    let outcome = postgres().args(["--file", "F={user}"]).run(["sh", "-c", script]);
    outcome.stdout_is("me");
}

#[test]
fn a_file_may_hold_what_no_variable_can() {
    let vault = TestVault::kv2().secret("a", r#"{"k":"a\u0000b"}"#).path("a").args(["--explicit"]);
    vault.clone().args(["--file", "F={k}"]).run(["sh", "-c", r#"cat "$F""#]).exits(0).stdout_is("a\0b");
    vault.args(["--set", "F={k}"]).fails(
        "vault-exec: --set F: its value contains a NUL byte, which no variable can\n\
         hint: pass it as a file with --file\n",
    );
}

#[test]
#[ignore = "root: starts a program as another user"]
fn another_user_opens_a_file_if_its_mode_allows() {
    let drop = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", r#"cat "$F""#];
    let vault = postgres().args(["--file", "F={user}"]);
    vault.clone().args(["--file-mode", "0444"]).run(drop).exits(0).stdout_is("me");
    assert!(!vault.run(drop).status.success());
}

#[test]
fn files_leave_the_low_descriptors_free() {
    let script = r#"exec 3</dev/null 4</dev/null 9</dev/null; cat "$F""#;
    postgres().args(["--file", "F={user}"]).run(["sh", "-c", script]).exits(0).stdout_is("me");
    let few = postgres().args(["--file", "F={user}"]).under_sh(r#"ulimit -n 20; exec "$@""#);
    few.run(["sh", "-c", r#"cat "$F""#]).exits(0).stdout_is("me");
}
