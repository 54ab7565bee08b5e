//! Text that a server, a secret, a path or a file chose, in every output: escaped, bounded, without the token, and nothing
//! in a hint that runs when it is pasted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::canary::TOKEN;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::vault::{Outcome, TestVault};

/// A start and a check, in every format.
const MODES: [&[&str]; 5] = [
    &["-vv"],
    &["-vv", "--log-format", "json"],
    &["--check", "-vv"],
    &["--check", "-vv", "--log-format", "json"],
    &["--check", "--format", "json"],
];

fn run_each_mode(vault: &TestVault) -> Vec<Outcome> {
    MODES.map(|mode| vault.clone().args(mode.iter().copied()).run(["true"])).into()
}

/// Everything that is printed.
fn output(outcome: &Outcome) -> String {
    String::from_utf8(outcome.stdout.clone()).unwrap() + &outcome.stderr
}

/// ESC, DEL, a C1 control, Arabic letter mark, right-to-left override, zero width space, a tag, a line separator, fillers
/// of Hangul and Mongolian, a variation selector, Braille without dots.
const UNSAFE: &str = "\u{1b}]0;x\u{7}\u{7f}\u{9b}\u{61c}\u{202e}\u{200b}\u{e0041}\u{2028}\u{3164}\u{115f}\u{ffa0}\
                      \u{180b}\u{fe0f}\u{e0100}\u{34f}\u{2800}\r\n";

#[track_caller]
fn is_safe(outcome: &Outcome) {
    let text = output(outcome);
    let unsafe_one =
        text.chars().find(|c| *c != '\n' && (c.is_control() || UNSAFE.contains(*c) && !"]0;x".contains(*c)));
    assert_eq!(unsafe_one, None, "{outcome}");
}

#[test]
fn no_output_has_control_or_format_characters() {
    let key = format!("k{UNSAFE}");
    let good = TestVault::kv2().secret("a", json!({&*key: "v"})).path("a");
    let bad = TestVault::kv2().secret("a", json!({&*key: null})).path("a");
    let template = good.clone().args(["--explicit", "--set", &format!("A={{{key}x}}")]);
    let path = good.clone().args(["--path".to_owned(), "none/a\u{61c}\u{202e}".to_owned()]);
    let program = good.clone().args(["--set", &format!("A={{{UNSAFE}")]);
    for vault in [good.clone(), bad, template, path, program] {
        for outcome in run_each_mode(&vault) {
            is_safe(&outcome);
        }
    }
    for mode in MODES {
        is_safe(&good.clone().args(mode.iter().copied()).run([format!("no{UNSAFE}such")]).exits(if mode[0] == "-vv" {
            127
        } else {
            125
        }));
        is_safe(&good.clone().env("PATH", format!("/{UNSAFE}")).args(mode.iter().copied()).run(["no-such-program"]));
        is_safe(&good.clone().args(mode.iter().copied()).args([format!("--no{UNSAFE}")]).alone().exits(125));
        is_safe(&good.clone().args(mode.iter().copied()).args([format!("--kv={UNSAFE}")]).alone().exits(125));
        let file = good.clone().file("p.toml", format!("\"{}\" = 1", "k\u{61c}\u{202e}")).args(["--config", "p.toml"]);
        is_safe(&file.args(mode.iter().copied()).run(["true"]).exits(125));
    }
    let report: Value = serde_json::from_slice(&good.args(["--check", "--format", "json"]).alone().stdout).unwrap();
    assert_eq!(report["variables"][0]["key"], key, "the JSON is the key all the same");
}

#[test]
fn a_key_of_900_kilobytes_is_printed_nowhere() {
    let long = "k".repeat(900_000);
    let vault = |key: &str, value: Value| TestVault::kv2().secret("a", json!({key: value})).path("a");
    let good = vault(&long, json!("v"));
    let file = |text: String| good.clone().file("p.toml", text).args(["--config", "p.toml"]);
    for vault in [
        good.clone().args(["--set", "A=v"]),
        good.clone().args(["--set", "A={kkk}"]),
        good.clone().args(["--only", "kkk"]),
        good.clone().env(&long[..100_000], "inherited").args(["--on-conflict", "error"]),
        vault(&long, Value::Null),
        vault(&long, json!("\0")),
        vault(&format!("1{long}"), json!("v")),
        vault(&format!("BASH_FUNC_{long}"), json!("v")),
        vault(&format!("NPM_CONFIG_{long}"), json!("v")).args(["--case", "keep"]),
        TestVault::kv2().secret("a", json!({&*long: "v", (long.to_uppercase()): "w"})).path("a"),
        file(format!("{long} = 1")),
        file(format!("kv = \"{long}\"")),
        file(format!("[set]\nA = \"{{{long}}}\"")),
        file(format!("only = [\"{long}\"]")),
        file(format!("path = \"{long}\"")),
    ] {
        for outcome in run_each_mode(&vault) {
            let text = output(&outcome);
            assert!(text.len() < 50_000, "{} bytes: {}", text.len(), &text[..2000]);
        }
    }
}

#[test]
fn a_check_tells_no_length() {
    let report = |length: usize| {
        let vault = TestVault::kv2().secret("a", json!({"big": "x".repeat(length), "b": "y"})).path("a");
        let report = |args: &[&str]| {
            let outcome =
                vault.clone().args(args.iter().copied()).args(["--pristine"]).under_sh("ulimit -s 1024; exec \"$@\"");
            let outcome = outcome.alone();
            output(&outcome).replace(&outcome.fill("{kv}"), "KV").replace(&outcome.fill("{addr}"), "ADDR")
        };
        [report(&["--check"]), report(&["--check", "--format", "json"])]
    };
    for (one, other) in [(140_000, 200_000), (10, 100_000)] {
        assert_eq!(report(one), report(other));
    }
    let [text, _] = report(140_000);
    assert!(text.contains("longer than the kernel limit of 128 KiB: BIG\n"), "{text}");
}

#[test]
fn a_hint_holds_nothing_that_runs_when_it_is_pasted() {
    let hostile = [
        "$(touch${IFS}pwn)/x",
        "`id`",
        "a;id",
        "a'b",
        "x\" {\n".trim_end(),
        "x\" { capabilities = [\"sudo\"] } path \"*",
        "${a}",
        "%{if true}",
        "a\\",
        "*",
        "+/x",
        "-address=x",
        "a b",
    ];
    for vault in TestVault::each() {
        let denied = vault.clone().token_with_policy(r#"path "others/*" { capabilities = ["read"] }"#);
        for path in hostile {
            for vault in [&vault, &denied] {
                let vault = vault.clone().args(["--mount", "{kv}", "--path", path]);
                let outcome = vault.run(["true"]).exits(125);
                let (_, hint) = outcome.stderr.split_once("\nhint: ").unwrap_or_else(|| panic!("{outcome}"));
                let commands = hint.split('`').skip(1).step_by(2);
                let stanzas = hint.lines().filter(|line| line.starts_with("path \""));
                for pasted in commands.chain(stanzas) {
                    assert!(!pasted.contains(&path[..path.len().min(4)]), "{outcome}");
                }
            }
        }
    }
}

#[test]
fn a_hint_names_the_cli_whose_variable_gave_the_address() {
    let vault = TestVault::kv2().secret("gone", [("a", "v")]).posted("{kv}/delete/gone", &json!({"versions": [1]}));
    let vault = vault.clone().env("BAO_ADDR", vault.fill("{addr}"));
    let hint = |vault: TestVault, name: &str| {
        let outcome = vault.path(name).run(["true"]).exits(125);
        outcome.stderr.split_once("hint: `").unwrap().1.split(' ').next().unwrap().to_owned()
    };
    for name in ["none", "gone", "gone@9"] {
        assert_eq!(hint(vault.clone(), name), "bao");
        assert_eq!(hint(vault.clone().env("BAO_ADDR", "").without("BAO_ADDR"), name), "vault");
        assert_eq!(hint(vault.clone().env("VAULT_EXEC_ADDRESS", "{addr}"), name), "vault");
    }
    let no_token = |vault: TestVault| vault.without("VAULT_TOKEN").path("a").run(["true"]).exits(125).stderr;
    assert!(no_token(vault.clone()).contains("log in with `bao login`"));
    assert!(no_token(vault.without("BAO_ADDR")).contains("log in with `vault login`"));
    let sealed = FakeServer::answering([Reply::status(503)]);
    let told = sealed.vault().env("BAO_ADDR", sealed.url()).args(["--attempts", "1"]).run(["true"]).exits(125).stderr;
    assert!(told.contains("see `bao status`"), "{told}");
}

/// Neither the token nor eight bytes of it, whatever their case.
#[track_caller]
fn has_no_token(outcome: &Outcome) {
    let text = output(outcome).to_lowercase();
    for part in TOKEN.as_bytes().windows(8) {
        assert!(!text.contains(str::from_utf8(part).unwrap()), "{outcome}");
    }
    assert!(text.len() < 50_000, "{} bytes", text.len());
}

#[test]
fn text_of_the_server_is_bounded_and_never_holds_the_token() {
    let long = "x".repeat(900_000);
    let echoes = [TOKEN.to_owned(), TOKEN.to_uppercase(), format!("kv-{}", &TOKEN[4..]), long, UNSAFE.to_owned()];
    for echo in &echoes {
        let mount = json!({"data": {"type": echo, "path": echo, "options": null}, "warnings": [echo]}).to_string();
        let policies = json!({"data": {"ttl": 60, "policies": [echo, "default"]}}).to_string();
        let refused = || Reply::answer(404, json!({"errors": [echo], "warnings": [echo]}).to_string());
        for path in ["secret/app", "secret/app@1"] {
            let fake = FakeServer::answering([refused()])
                .and_at("sys/internal/ui/mounts/secret/app", [Reply::answer(200, mount.clone())])
                .and_at("auth/token/lookup-self", [Reply::answer(200, policies.clone())]);
            for outcome in run_each_mode(&fake.vault().args(["--path", path])) {
                has_no_token(&outcome);
                is_safe(&outcome);
            }
        }
    }
    let redirects = [
        format!("http://{TOKEN}:1/"),
        format!("http://{}.test:1/", TOKEN.to_uppercase()),
        format!("http://{}:1/", &TOKEN[8..]),
        format!("http://{}:1/", "h".repeat(9000)),
        format!("{TOKEN}://x/"),
    ];
    for to in redirects {
        let fake = FakeServer::answering([Reply::redirect(307, &to)]);
        let vault = fake.vault().args(["--attempts", "1"]);
        for vault in [vault.clone(), vault.args(["--disable-redirects"])] {
            run_each_mode(&vault).iter().for_each(has_no_token);
        }
    }
}

#[test]
fn a_redirect_never_shows_the_credential_of_a_login() {
    let secret_id = "0b5e2cd4-6f1a-4c0e-9d0b-3d1d2b0c7f11";
    let fake = FakeServer::answering([Reply::redirect(307, &format!("http://{secret_id}.test:1/"))]);
    let vault = fake.vault().without("VAULT_TOKEN").args(["--auth=approle", "--role-id=r", "--attempts=1"]);
    for outcome in run_each_mode(&vault.env("VAULT_SECRET_ID", secret_id)) {
        assert!(output(&outcome).contains("redirected to …"), "{outcome}");
        assert!(!output(&outcome).contains(&secret_id[..8]), "{outcome}");
    }
}

/// Whichever secret it is, and however it is written: as a policy, divided over policies, and as the host of a redirect.
#[test]
fn no_text_of_the_server_repeats_a_secret() {
    let (secret_id, value) = ("0b5e2cd4-6f1a-4c0e", "p/ssword of+the-db");
    let login = json!({"auth": {"client_token": TOKEN}}).to_string();
    for secret in [secret_id, TOKEN, value] {
        let base64 = STANDARD.encode(format!("x{secret}"));
        let percent: String = secret.bytes().map(percent_encoding::percent_encode_byte).collect();
        let [upper, lower, twice] = [secret.to_uppercase(), base64.to_lowercase(), STANDARD.encode(&base64)];
        for echo in [secret, &upper, &secret[3..11], &base64, &lower, &percent, &twice] {
            let (start, end) = echo.split_at(echo.len() / 2);
            let is_shown = |outcome: &Outcome| output(outcome).to_lowercase().contains(&end.to_lowercase());
            for policies in [vec![echo, "default"], vec!["default", start, end]] {
                let policies = json!({"data": {"ttl": 60, "policies": policies}}).to_string();
                let fake = FakeServer::answering([Reply::secret(&[("a", value)])])
                    .and_at("auth/approle/login", [Reply::answer(200, login.clone())])
                    .and_at("auth/token/lookup-self", [Reply::answer(200, policies)])
                    .and_at("secret/data/b", [Reply::redirect(307, &format!("http://{echo}:1/"))]);
                let vault = fake.vault().without("VAULT_TOKEN").env("VAULT_SECRET_ID", secret_id);
                let vault = vault.args(["--auth=approle", "--role-id=r", "--kv=2", "--attempts=1", "--check", "-vv"]);
                let outcome = vault.run(["true"]).exits(0);
                assert!(output(&outcome).contains('…') && !is_shown(&outcome), "{echo}: {outcome}");
                // What another path returns is not known before, and a host loses the case of its letters.
                if secret != value && echo != twice {
                    let outcome = vault.args(["--path", "secret/b"]).run(["true"]).exits(125);
                    assert!(!is_shown(&outcome), "{echo}: {outcome}");
                }
            }
        }
    }
}

#[test]
fn a_key_that_is_a_credential_is_not_printed() {
    for key in [TOKEN.to_owned(), format!("x{}", TOKEN.to_uppercase())] {
        let fake = FakeServer::answering([Reply::secret(&[(&key, "1")])]);
        let message = "read secret/app: a key contains the token or another credential of this start";
        for outcome in run_each_mode(&fake.vault().args(["--set", "A={none}"])) {
            has_no_token(&outcome);
            assert!(output(&outcome).contains(message), "{outcome}");
        }
    }
}
