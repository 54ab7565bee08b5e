use super::*;
use crate::args::options::{self, Arity};
use crate::env_block::EnvEntry;
use crate::error::CliError;
use crate::mapping::Export;

pub(super) fn shown(error: Error) -> String {
    CliError::from(error).to_string()
}

fn args(line: &[&str]) -> Args {
    let line: Vec<_> = ["vault-exec"].iter().chain(line).map(OsString::from).collect();
    let (args, result) = Args::parse(&line);
    result.unwrap();
    args
}

pub(super) fn resolve_with(variables: &[&str], line: &[&str]) -> Result<Config, Error> {
    let inherited = InheritedEnv::new(variables.iter().map(|text| EnvEntry::parse(text.as_bytes())).collect());
    Config::resolve(args(line), &inherited, &ProjectSettings::default())
}

fn resolve(line: &[&str]) -> Result<Config, Error> {
    resolve_with(&[], line)
}

fn reads(variables: &[&str], line: &[&str]) -> Vec<String> {
    let config = resolve_with(variables, &[line, &["--", "true"]].concat()).unwrap();
    config.secret_requests.iter().map(|read| format!("{}{}", read.path, if read.optional { "?" } else { "" })).collect()
}

#[test]
fn a_path_and_a_program_are_needed() {
    assert_eq!(resolve(&["--path", "a/b"]).unwrap_err(), Error::NoCommand);
    assert_eq!(resolve(&["--", "true"]).unwrap_err(), Error::NoPath);
}

#[test]
fn paths_keep_the_order_in_which_they_win() {
    let line = ["--optional-path", "s/a", "--path", "s/b", "--optional-path", "s/c"];
    assert_eq!(reads(&[], &line), ["s/a?", "s/b", "s/c?"]);
    let both = ["VAULT_EXEC_PATH=s/a,s/b", "VAULT_EXEC_OPTIONAL_PATH=s/c"];
    assert_eq!(reads(&both, &[]), ["s/a", "s/b", "s/c?"]);
    assert_eq!(reads(&both, &["--path", "s/x"]), ["s/x", "s/c?"]);
    assert_eq!(reads(&both, &["--optional-path", "s/x"]), ["s/a", "s/b", "s/x?"]);
    let literal = ["--mount", "/v1/team/kv/", "--path", "data/app", "--path", "team/kv/db", "--path", "v1/x"];
    assert_eq!(reads(&[], &literal), ["team/kv/data/app", "team/kv/team/kv/db", "team/kv/v1/x"]);
}

#[test]
fn a_path_is_read_once_and_exported_by_prefix() {
    let line =
        ["--path", "s/a", "--optional-path", "A_=s/a", "--path", "s/b", "--optional-path", "s/c", "--path", "s/a@1"];
    assert_eq!(reads(&[], &line), ["s/a", "s/b", "s/c?", "s/a"]);
    assert_eq!(reads(&[], &["--path", "/s/a/", "--path", "s/b", "--path", "v1/s/a"]), ["s/b", "s/a"]);
    let exports = |line: &[&str]| -> Vec<String> {
        let config = resolve(&[line, &["--", "true"]].concat()).unwrap();
        let shown = |export: &Export| format!("{}={}", export.prefix, export.path.as_typed());
        config.key_mapping.exports.iter().map(shown).collect()
    };
    assert_eq!(exports(&line), ["=s/a", "A_=s/a", "=s/b", "=s/c", "=s/a@1"]);
    assert_eq!(exports(&["--path", "s/a", "--path", "s/b", "--path", "s/a"]), ["=s/b", "=s/a"]);
    let prefixes = ["--prefix", "P_", "--path", "s/a", "--path", "=s/b", "--path", "D=s/c=d", "--path", "s/e=f"];
    assert_eq!(exports(&prefixes), ["P_=s/a", "=s/b", "D=s/c=d", "P_=s/e=f"]);
}

#[test]
fn contradictions_are_refused() {
    let error = |line: &[&str]| shown(resolve(&[line, &["--", "true"]].concat()).unwrap_err());
    for (line, message) in [
        (
            &["--path", "s/a@2", "--kv", "1"][..],
            "--path: `s/a@2`: expected a path without a version, which --kv 1 excludes",
        ),
        (
            &["--path", "1_=s/a"],
            "--path: `1_=s/a`: expected the start of a variable name: letters, digits and `_`, no digit first",
        ),
        (&["--path", "s/a", "--explicit"], "--explicit requires --set, --file or --references"),
        (&["--path", "s/a", "--file-dir", "/run"], "--file-dir requires --file"),
        (&["--path", "s/a", "--set", "A=b", "--file-mode", "0444"], "--file-mode requires --file"),
        (
            &["--path", "s/a", "--pristine", "--keep-env", "GO*"],
            "--keep-env: `GO*`: expected the name of one variable, without a pattern; repeat the option for more",
        ),
        (
            &["--path", "s/a", "--pristine", "--keep-env", "A,B"],
            "--keep-env: `A,B`: expected the name of one variable, without a pattern; repeat the option for more",
        ),
        (
            &["--path", "s/a", "--require", "A,B"],
            "--require: `A,B`: expected the name of one variable, without a pattern; repeat the option for more",
        ),
        (
            &["--path", "s/a", "--file", "a.b=x"],
            "--file: expected a variable name before the `=`: letters, digits and `_`, no digit first",
        ),
        (&["--path", "secret"], "--path: `secret`: expected a mount and a secret in it, such as secret/app"),
        (&["--path", "s/a", "--keep-env", "A"], "--keep-env requires --pristine"),
        (
            &["--path", "s/a", "--pristine", "--keep-env", "BAO_TOKEN"],
            "--keep-env: `BAO_TOKEN`: expected a variable that is not meant for vault-exec (see --keep-token)",
        ),
    ] {
        assert_eq!(error(line), message);
    }
}

#[test]
fn durations_are_seconds_or_say_their_unit() {
    let timeout =
        |text: &str| resolve(&["--path", "a/b", &format!("--timeout={text}"), "x"]).map(|config| config.timeout);
    assert_eq!(timeout("90").unwrap(), std::time::Duration::from_secs(90));
    assert_eq!(timeout("1m30s").unwrap(), std::time::Duration::from_secs(90));
    assert_eq!(timeout("500ms").unwrap(), std::time::Duration::from_millis(500));
    for wrong in ["0", "0s", "-1s", "soon", "1 fortnight", "99999999999999999999s"] {
        let message = format!("--timeout: `{wrong}`: expected a duration such as 60s, 1m30s or 500ms");
        assert_eq!(shown(timeout(wrong).unwrap_err()), message);
    }
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    let fault = |text: &str| match resolve_with(&[&format!("VAULT_ADDR={text}")], &["--path", "a/b", "x"]) {
        Ok(config) => config.connection.address.to_string(),
        Err(Error::Invalid { source, value: Some(value), expected }) => {
            assert!(source == "VAULT_ADDR" && !value.contains("hunter2"));
            expected.to_owned()
        }
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(fault("http://vault:8200/"), "http://vault:8200");
    assert_eq!(fault(""), "https://127.0.0.1:8200");
    assert_eq!(fault("https://gateway/vault"), "https://gateway/vault");
    assert_eq!(fault("https://me:hunter2@vault"), "an address without a user name");
    for address in ["vault", "127.0.0.1:8200", "localhost:8200", "vault:8200", "[::1]:8200", "//vault", "ftp://vault"] {
        assert_eq!(fault(address), "an address that starts with https://, http:// or unix:///", "{address}");
    }
    assert_eq!(fault("https://vault?x"), "an address without `?` and `#`");
    assert_eq!(fault("https://me:a#hunter2@vault"), "a URL such as https://vault.example.com:8200");
    assert_eq!(fault("https://me:1#hunter2@vault"), "an address without `?` and `#`");
    assert_eq!(fault("https://vault?a=b@hunter2"), "an address without `?` and `#`");
    assert_eq!(fault("https://me:hunter2?x@vault/?y@z"), "a URL such as https://vault.example.com:8200");
    assert_eq!(fault("me:hunter2@vault://x"), "an address that starts with https://, http:// or unix:///");
    assert_eq!(fault("https://Vé"), "a URL such as https://vault.example.com:8200", "only its xn-- form is a host");
}

#[test]
fn a_given_authority_is_the_only_trust_anchor() {
    let anchors = |variables: &[&str], line: &[&str]| {
        resolve_with(variables, &[line, &["--path", "a/b", "x"]].concat()).unwrap().connection.tls.trust_anchors
    };
    let setting = |from: &str| Setting::new("v", from);
    let all = ["VAULT_CAPATH=v", "VAULT_CACERT_BYTES=v", "VAULT_CACERT=v", "SSL_CERT_FILE=v"];
    assert_eq!(anchors(&all, &["--ca-cert", "v"]), TrustAnchors::File(setting("--ca-cert")));
    assert_eq!(anchors(&all, &[]), TrustAnchors::File(setting("VAULT_CACERT")));
    assert_eq!(anchors(&all[..2], &[]), TrustAnchors::Pem(setting("VAULT_CACERT_BYTES")));
    assert_eq!(anchors(&all[..1], &[]), TrustAnchors::Directory(setting("VAULT_CAPATH")));
    assert_eq!(
        anchors(&all[3..], &[]),
        TrustAnchors::System { file: Some(setting("SSL_CERT_FILE")), directories: None }
    );
}

#[test]
fn log_options_come_from_options_and_variables() {
    let options = |variables: &[&str], line: &[&str]| {
        let inherited = InheritedEnv::new(variables.iter().map(|text| EnvEntry::parse(text.as_bytes())).collect());
        log_options(&args(line), &inherited)
    };
    assert_eq!(options(&[], &["-vv", "--log-format", "json"]), Ok((2, OutputFormat::Json)));
    assert_eq!(options(&["VAULT_EXEC_VERBOSE=true"], &[]), Ok((1, OutputFormat::Text)));
    assert_eq!(options(&["VAULT_EXEC_VERBOSE=2"], &["-v"]), Ok((1, OutputFormat::Text)));
}

#[test]
fn templates_are_parsed_with_the_settings() {
    let templates = |line: &[&str]| resolve(&[line, &["--path", "a/b", "x"]].concat()).map(|config| config.templates);
    let shown = |line: &[&str]| shown(templates(line).unwrap_err());
    let both = templates(&["--set", "A={b}", "--file", "C={d}", "--file-mode", "0444"]).unwrap();
    assert_eq!((both.set.len(), both.files.len(), both.file_mode), (1, 1, Some(0o444)));
    assert_eq!(shown(&["--set", "A={b|uri}"]), "--set A: column 1: unknown filter `uri`");
    assert_eq!(shown(&["--file", "A={b"]), "--file A: column 1: unclosed {");
    assert_eq!(shown(&["--set", "A"]), "--set: expected NAME=TEMPLATE such as PGPASSWORD={postgres_password}");
    assert_eq!(templates(&["--set", "discovery.type=x"]).unwrap().set[0].name.as_str(), "discovery.type");
    for wrong in ["=x", "A\0=x"] {
        assert_eq!(shown(&["--set", wrong]), "--set: expected a variable name before the `=`");
    }
    assert_eq!(shown(&["--set", "A=x", "--file", "A=y"]), "A is given twice by --set and --file");
    for wrong in ["0o400", "1400", "rw", "0222", ""] {
        let line = ["--file", "C={d}", "--file-mode", wrong];
        assert_eq!(templates(&line).is_ok(), wrong.is_empty(), "{wrong}");
    }
}

/// The contract: every option `--some-name` has the variable `VAULT_EXEC_SOME_NAME`, and it means the same, except those
/// that replace a start by something else.
#[test]
fn every_option_has_its_variable() {
    // Each option must change something in one of these situations.
    let situations = [
        ("token", ["R=vault:x/y#z", "VAULT_ADDR=https://vault", "VAULT_CLIENT_KEY=k", "VAULT_CLIENT_CERT=c"]),
        ("approle", ["VAULT_ROLE_ID_FILE=r", "A=b", "A=b", "A=b"]),
        ("jwt", ["ACTIONS_ID_TOKEN_REQUEST_URL=https://g/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t", "A=b", "A=b"]),
        ("userpass", ["VAULT_USERNAME=u", "A=b", "A=b", "VAULT_PASSWORD_FILE=f"]),
    ];
    // The last one says how something is told, and only where it was asked for.
    let silent = ["--verbose", "--log-format", "--config", "--no-config", "--format"];
    let without_variable = ["--check", "--trust", "--untrust"];
    let none: [&str; 0] = [];
    for option in without_variable {
        let variable = format!("VAULT_EXEC_{}=true", option[2..].to_uppercase());
        let outcome = |variables: &[&str]| format!("{:?}", resolve_with(variables, &["--path=x/y", "--", "true"]));
        assert_eq!(outcome(&[&variable]), outcome(&none));
    }
    let mut count = 0;
    for opt in options::all().filter(|option| ![&silent[..], &without_variable].concat().contains(&option.name)) {
        let option = opt.key();
        count += 1;
        let variable = format!("VAULT_EXEC_{}", option.to_uppercase().replace('-', "_"));
        let takes_value = opt.arity != Arity::Flag;
        let value = if takes_value { "a/b%" } else { "true" };
        let typed = if takes_value { format!("--{option}={value}") } else { format!("--{option}") };
        let mut changes = false;
        for (auth, variables) in &situations {
            let auth = format!("--auth={auth}");
            let line: Vec<&str> = ["--path=x/y", "--pristine", "--keep-env=R", "--file=F=x", &auth]
                .into_iter()
                .filter(|given| !given.starts_with(&format!("--{option}=")) && *given != format!("--{option}"))
                .collect();
            let outcome = |more: &str, typed: &str| {
                let typed: &[&str] = if typed.is_empty() { &[] } else { &[typed] };
                let variables = [&variables[..], &[more]].concat();
                format!("{:?}", resolve_with(&variables, &[&line, typed, &["--", "true"]].concat()))
            };
            let by_option = outcome("A=b", &typed);
            let by_variable = outcome(&format!("{variable}={value}"), "");
            assert_eq!(by_variable.replace(&variable, &format!("--{option}")), by_option);
            changes |= by_option != outcome("A=b", "");
        }
        assert!(changes, "--{option} changes nothing");
    }
    assert!(count > 35);
}
