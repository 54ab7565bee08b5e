use super::*;
use crate::entry::Entry;

fn resolve_with(variables: &[&str], line: &[&str]) -> Result<Config, Error> {
    let inherited = Inherited::new(variables.iter().filter_map(|text| Entry::parse(text.as_bytes())).collect());
    let line = ["vault-exec"].iter().chain(line).map(OsString::from);
    Config::resolve(Args::parse_line(line).unwrap(), &inherited)
}

fn resolve(line: &[&str]) -> Result<Config, Error> {
    resolve_with(&[], line)
}

fn reads(variables: &[&str], line: &[&str]) -> Vec<String> {
    let config = resolve_with(variables, &[line, &["--", "true"]].concat()).unwrap();
    config.reads.iter().map(|read| format!("{}{}", read.path, if read.optional { "?" } else { "" })).collect()
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
    assert_eq!(
        reads(&[], &["--mount", "team/kv/", "--path", "app", "--path", "team/kv/db"]),
        ["team/kv/app", "team/kv/db"]
    );
}

#[test]
fn contradictions_are_refused() {
    let error = |line: &[&str]| resolve(&[line, &["--", "true"]].concat()).unwrap_err();
    assert_eq!(error(&["--path", "s/a@2", "--kv", "1"]), Error::VersionInKv1 { path: "s/a".into() });
    assert_eq!(error(&["--path", "secret"]), Error::MountAlone { path: "secret".into() });
    assert_eq!(error(&["--path", "s/a", "--keep-env", "A"]), Error::KeepWithoutPristine);
    assert_eq!(
        error(&["--path", "s/a", "--pristine", "--keep-env", "BAO_TOKEN"]),
        Error::KeepsCredential { name: "BAO_TOKEN".into() }
    );
}

#[test]
fn durations_are_seconds_or_say_their_unit() {
    let timeout = |text: &str| {
        resolve(&["--path", "a/b", &format!("--timeout={text}"), "x"]).map(|config| config.connection.timeout)
    };
    assert_eq!(timeout("90").unwrap(), std::time::Duration::from_secs(90));
    assert_eq!(timeout("1m30s").unwrap(), std::time::Duration::from_secs(90));
    assert_eq!(timeout("500ms").unwrap(), std::time::Duration::from_millis(500));
    for wrong in ["0", "0s", "-1s", "soon", "1 fortnight", "99999999999999999999s"] {
        let error = Error::NotADuration { from: "--timeout".into(), value: wrong.into() };
        assert_eq!(timeout(wrong).unwrap_err(), error, "{wrong}");
    }
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    let fault = |text: &str| match resolve_with(&[&format!("VAULT_ADDR={text}")], &["--path", "a/b", "x"]) {
        Ok(config) => config.connection.address.to_string(),
        Err(Error::NotAnAddress { from, fault, value }) => {
            assert!(from == "VAULT_ADDR" && !value.contains("hunter2"));
            fault.to_owned()
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(fault("http://vault:8200/"), "http://vault:8200");
    assert_eq!(fault(""), "https://127.0.0.1:8200");
    assert_eq!(fault("https://gateway/vault"), "https://gateway/vault");
    assert_eq!(fault("https://me:hunter2@vault"), "it holds a user name");
    assert_eq!(fault("vault"), "it is no URL");
    assert_eq!(fault("127.0.0.1:8200"), "it is no URL");
    assert_eq!(fault("ftp://vault"), "it starts with neither https:// nor http://");
    assert_eq!(fault("https://vault?x"), "it has a `?` or a `#`");
}

#[test]
fn a_given_authority_is_the_only_one() {
    let roots = |variables: &[&str], line: &[&str]| {
        resolve_with(variables, &[line, &["--path", "a/b", "x"]].concat()).unwrap().connection.tls.roots
    };
    let setting = |from: &str| Setting { from: from.into(), value: "v".into() };
    let all = ["VAULT_CAPATH=v", "VAULT_CACERT_BYTES=v", "VAULT_CACERT=v", "SSL_CERT_FILE=v"];
    assert_eq!(roots(&all, &["--ca-cert", "v"]), Roots::File(setting("--ca-cert")));
    assert_eq!(roots(&all, &[]), Roots::File(setting("VAULT_CACERT")));
    assert_eq!(roots(&all[..2], &[]), Roots::Pem(setting("VAULT_CACERT_BYTES")));
    assert_eq!(roots(&all[..1], &[]), Roots::Directory(setting("VAULT_CAPATH")));
    assert_eq!(roots(&all[3..], &[]), Roots::System { file: Some(setting("SSL_CERT_FILE")), directories: None });
}

#[test]
fn the_voice_is_known_before_anything_else() {
    let voice = |variables: &[&str], line: &[&str]| {
        let inherited = Inherited::new(variables.iter().filter_map(|text| Entry::parse(text.as_bytes())).collect());
        voice(&Args::parse_line(["vault-exec"].iter().chain(line).map(OsString::from)).unwrap(), &inherited)
    };
    assert_eq!(voice(&[], &["-vv", "--log-format", "json"]), Ok((2, LogFormat::Json)));
    assert_eq!(voice(&["VAULT_EXEC_VERBOSE=true"], &[]), Ok((1, LogFormat::Text)));
    assert_eq!(voice(&["VAULT_EXEC_VERBOSE=2"], &["-v"]), Ok((1, LogFormat::Text)));
}

/// The contract: every option `--some-name` has the variable `VAULT_EXEC_SOME_NAME`, and it means the same.
#[test]
fn every_option_has_its_variable() {
    use clap::CommandFactory;
    let outcome = |variables: &[&str], line: &[&str]| {
        let line = [line, &["--", "true"]].concat();
        let config = resolve_with(variables, &line).map(|config| format!("{config:?}"));
        format!("{config:?}")
    };
    let long: Vec<String> =
        Args::command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    assert!(long.len() > 20, "{long:?}");
    for option in
        long.iter().filter(|name| !["help", "version", "verbose", "log-format", "path"].contains(&name.as_str()))
    {
        let variable = format!("VAULT_EXEC_{}", option.to_uppercase().replace('-', "_"));
        let takes_value = Args::command()
            .get_arguments()
            .any(|arg| arg.get_long() == Some(option) && arg.get_action().takes_values());
        let (typed, value) =
            if takes_value { (format!("--{option}=a/b%"), "a/b%") } else { (format!("--{option}"), "true") };
        let by_option = outcome(&[], &["--path=x/y", "--pristine", &typed]);
        let by_variable = outcome(&[&format!("{variable}={value}")], &["--path=x/y", "--pristine"]);
        assert_eq!(by_variable.replace(&variable, &format!("--{option}")), by_option);
        if option != "pristine" {
            assert_ne!(by_option, outcome(&[], &["--path=x/y", "--pristine"]), "--{option} changes nothing");
        }
    }
}
