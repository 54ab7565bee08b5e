//! A found project file cannot decide where credentials go or which code runs; an error's location is inside the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_exec::config::{Credential, Error, GivenToken, ProjectSettings, TrustAnchors};
use vault_exec_fuzz::{inherited, resolve};

const NAME: &str = "p.toml";

fuzz_target!(|text: &str| {
    let named = ProjectSettings::parse(text, NAME, false);
    let found = ProjectSettings::parse(text, NAME, true);
    for error in named.iter().map(|_| None).chain([named.as_ref().err(), found.as_ref().err()]).flatten() {
        assert_location(error, text);
    }
    if let Ok(found) = &found {
        let named = named.as_ref().expect("a found file allows a subset");
        assert_eq!(named.to_string(), found.to_string());
        assert_unprivileged(found);
    }
    if let Ok(named) = &named {
        let _ = resolve(&inherited([]), named);
    }
});

fn assert_location(error: &Error, text: &str) {
    let (Error::Toml { source, .. }
    | Error::UnknownKey { source, .. }
    | Error::Refused { source, .. }
    | Error::Invalid { source, .. }) = error
    else {
        panic!("{error:?}")
    };
    let location = source.split(": ").next().expect("a location");
    let place: Vec<usize> = location.split(':').skip(1).map(|number| number.parse().expect("a number")).collect();
    let [line, column] = place[..] else { panic!("{}", location) };
    assert!(location.starts_with("p.toml:"));
    let line = text.split('\n').nth(line - 1).expect("the line is there");
    assert!((1..=line.chars().count() + 1).contains(&column), "{}", location);
}

/// The settings that a found file must not change are the defaults.
fn assert_unprivileged(project: &ProjectSettings) {
    let variables = ["VAULT_TOKEN=t", "VAULT_EXEC_PATH=s/a"];
    let Ok(config) = resolve(&inherited(variables), project) else { return };
    let default = resolve(&inherited(variables), &ProjectSettings::default()).expect("a token and a path suffice");
    let (connection, before) = (&config.connection, &default.connection);
    assert_eq!(connection.address, before.address);
    assert_eq!(connection.tls, before.tls);
    assert!(connection.tls.verify && matches!(connection.tls.trust_anchors, TrustAnchors::System { file: None, directories: None }));
    assert_eq!((connection.proxies.for_url(&connection.address.url), &connection.namespace), (Ok(None), &None));
    assert!(connection.refuse_redirects.is_none());
    let Credential::Token(GivenToken { token: Some(_), wrapped: false, .. }) = config.credential else { panic!("another login") };
    assert!(!config.keep_token && config.revoke);
    assert!(config.key_mapping.allowed_names.is_empty() && config.templates.file_dir.is_none());
    let composed = config.templates.set.iter().chain(&config.templates.files);
    assert!(composed.into_iter().all(|assignment| assignment.name.danger(true).is_none()));
    assert!(config.env_policy.keep_only.is_none());
}
