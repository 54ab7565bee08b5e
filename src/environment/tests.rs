use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::mapping::Variable;

fn checked(
    inherited: InheritedEnv,
    mapped: MappedVariables,
    token: Option<&Secret>,
    policy: &EnvPolicy,
) -> Result<Environment, Error> {
    let (environment, errors) = Environment::build(inherited, mapped, token, policy);
    errors.into_iter().next().map_or(Ok(environment), Err)
}

fn inherited(variables: &[(&str, &str)]) -> InheritedEnv {
    InheritedEnv::new(variables.iter().map(|(name, value)| EnvEntry::new(name.as_bytes(), value.as_bytes())).collect())
}

fn mapped(variables: &[(&str, &str)]) -> MappedVariables {
    let variable = |(name, value): &(&str, &str)| Variable {
        name: EnvName::parse(name).unwrap(),
        value: Rc::new(Secret::new(value.as_bytes().to_vec())),
        source: Source::Set,
    };
    variables.iter().map(variable).collect()
}

fn shown(environment: &Environment) -> Vec<String> {
    let text = |entry: &EnvEntry| String::from_utf8_lossy(entry.with_nul()).trim_end_matches('\0').to_owned();
    environment.entries.iter().map(text).collect()
}

#[test]
fn on_conflict_decides_between_secret_and_inherited_variable() {
    let build = |on_conflict| {
        let policy = EnvPolicy { on_conflict, ..EnvPolicy::default() };
        checked(inherited(&[("A", "env"), ("B", "env")]), mapped(&[("A", "vault")]), None, &policy)
    };
    assert_eq!(shown(&build(OnConflict::Vault).unwrap()), ["A=vault", "B=env"]);
    assert_eq!(shown(&build(OnConflict::Env).unwrap()), ["A=env", "B=env"]);
    assert_eq!(build(OnConflict::Error).unwrap_err(), Error::Conflict { names: vec!["A".into()] });
}

#[test]
fn own_credentials_are_withheld() {
    let before = [("VAULT_TOKEN", "t"), ("BAO_SECRET_ID", "s"), ("VAULT_EXEC_PATH", "p"), ("VAULT_ADDR", "a")];
    let policy = EnvPolicy::default();
    let build = |mapped, token| shown(&checked(inherited(&before), mapped, token, &policy).unwrap());
    assert_eq!(build(MappedVariables::default(), None), ["VAULT_ADDR=a"]);
    assert_eq!(build(mapped(&[("VAULT_TOKEN", "own")]), None), ["VAULT_ADDR=a", "VAULT_TOKEN=own"]);
    let token = Secret::new(b"kept".to_vec());
    assert_eq!(build(MappedVariables::default(), Some(&token)), ["VAULT_ADDR=a", "VAULT_TOKEN=kept"]);
}

#[test]
fn pristine_keeps_only_named_variables() {
    let policy = EnvPolicy { keep_only: Some(vec!["B".into()]), ..EnvPolicy::default() };
    let before = inherited(&[("A", "1"), ("B", "2")]);
    assert_eq!(shown(&checked(before, mapped(&[("C", "3")]), None, &policy).unwrap()), ["B=2", "C=3"]);
}

#[test]
fn all_missing_names_are_reported_at_once() {
    let policy = EnvPolicy { require: ["A", "B", "C", "D"].map(String::from).to_vec(), ..EnvPolicy::default() };
    let before = inherited(&[("A", "1"), ("B", "")]);
    let error = checked(before, mapped(&[("C", "3")]), None, &policy).unwrap_err();
    assert_eq!(error, Error::Missing { names: vec!["B".into(), "D".into()] });
}

#[test]
fn a_required_name_with_an_equals_sign_is_missing() {
    let policy = EnvPolicy { require: vec!["A=B".into()], ..EnvPolicy::default() };
    let error = checked(inherited(&[("A", "B=C")]), MappedVariables::default(), None, &policy).unwrap_err();
    assert_eq!(error, Error::Missing { names: vec!["A=B".into()] });
}

#[test]
fn sizes_are_checked_to_the_byte() {
    let value = "x".repeat(MAX_ENTRY_BYTES - "A=\0".len());
    let build = |value: &str| {
        checked(inherited(&[("A", value)]), MappedVariables::default(), None, &EnvPolicy::default()).unwrap()
    };
    let fits = build(&value);
    assert_eq!(fits.check_size(10, 10 + MAX_ENTRY_BYTES + 8), Ok(()));
    assert_eq!(
        fits.check_size(11, 10 + MAX_ENTRY_BYTES + 8),
        Err(Error::BlockTooLarge {
            total: MAX_ENTRY_BYTES + 19,
            limit: MAX_ENTRY_BYTES + 18,
            largest: vec![("A".into(), MAX_ENTRY_BYTES)]
        })
    );
    let too_long = Err(Error::EntryTooLong { offenders: vec![("A".into(), MAX_ENTRY_BYTES + 1)] });
    assert_eq!(build(&(value + "x")).check_size(0, usize::MAX), too_long);
}

proptest! {
    /// Each name occurs once, replaced variables have the secret's value, and all others pass byte for byte.
    #[test]
    fn every_variable_is_accounted_for(
        before in prop::collection::vec(("[A-D]{1,2}|VAULT_TOKEN", prop::collection::vec(1_u8.., 0..9)), 0..9),
        after in prop::collection::btree_map("[A-D]{1,2}", prop::collection::vec(1_u8.., 0..9), 0..9),
    ) {
        let inherited = InheritedEnv::new(before.iter().map(|(name, value)| EnvEntry::new(name.as_bytes(), value)).collect());
        let variables = after.iter().map(|(name, value)| Variable {
            name: EnvName::parse(name).unwrap(),
            value: Rc::new(Secret::new(value.clone())),
            source: Source::Set,
        });
        let mapped: MappedVariables = variables.collect();
        let environment = checked(inherited, mapped, None, &EnvPolicy::default()).unwrap();

        let mut expected = BTreeMap::new();
        for (name, value) in before.iter().filter(|(name, _)| name != "VAULT_TOKEN") {
            expected.entry(name.clone()).or_insert_with(|| value.clone());
        }
        expected.extend(after);
        let own = |entry: &EnvEntry| (String::from_utf8(entry.name().to_vec()).unwrap(), entry.value().to_vec());
        let mut got: Vec<_> = environment.entries.iter().map(own).collect();
        got.sort();
        prop_assert_eq!(got, expected.into_iter().collect::<Vec<_>>());
    }
}
