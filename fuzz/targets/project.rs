//! A project file that was found decides nothing about where credentials go or which code runs; and what is wrong with a
//! file is said with a place that is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_exec::config::{Credential, Error, ProjectSettings, TrustAnchors};
use vault_exec_fuzz::{inherited, resolve};

const NAME: &str = "p.toml";

fuzz_target!(|text: &str| {
    let named = ProjectSettings::parse(text, NAME, false);
    let found = ProjectSettings::parse(text, NAME, true);
    for error in named.iter().map(|_| None).chain([named.as_ref().err(), found.as_ref().err()]).flatten() {
        points_into(error, text);
    }
    if let Ok(found) = &found {
        assert_eq!(named.as_ref(), Ok(found), "that a file was found only takes away");
        decides_nothing_of_weight(found);
    }
    if let Ok(named) = &named {
        let _ = resolve(&inherited([]), named);
    }
});

fn points_into(error: &Error, text: &str) {
    let (Error::Toml { source, .. }
    | Error::UnknownKey { source, .. }
    | Error::Refused { source, .. }
    | Error::Invalid { source, .. }) = error
    else {
        panic!("{error}")
    };
    let location = source.split(": ").next().expect("a location");
    let place: Vec<usize> = location.split(':').skip(1).map(|number| number.parse().expect("a number")).collect();
    let [line, column] = place[..] else { panic!("{}", location) };
    assert!(location.starts_with("p.toml:"));
    let line = text.split('\n').nth(line - 1).expect("the line is there");
    assert!((1..=line.chars().count() + 1).contains(&column), "{}", location);
}

/// With nothing else given, whatever the file may not say is as it is without a file.
fn decides_nothing_of_weight(project: &ProjectSettings) {
    let variables = ["VAULT_TOKEN=t", "VAULT_EXEC_PATH=s/a"];
    let Ok(config) = resolve(&inherited(variables), project) else { return };
    let plain = resolve(&inherited(variables), &ProjectSettings::default()).expect("it is enough");
    let (connection, before) = (&config.connection, &plain.connection);
    assert_eq!(connection.address, before.address);
    assert_eq!(connection.tls, before.tls);
    assert!(connection.tls.verify && matches!(connection.tls.trust_anchors, TrustAnchors::System { file: None, directories: None }));
    assert_eq!((&connection.proxy, &connection.namespace), (&None, &None));
    assert!(connection.follow_redirects);
    let Credential::Token { token: Some(_), wrapped: false, .. } = config.credential else { panic!("another login") };
    assert!(!config.keep_token && config.revoke);
    assert!(config.key_mapping.allowed_names.is_empty() && config.templates.file_dir.is_none());
    let composed = config.templates.set.iter().chain(&config.templates.files);
    assert!(composed.into_iter().all(|assignment| !assignment.name.is_dangerous()));
}
