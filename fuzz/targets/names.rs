//! For any keys, values and inherited variables: `execve` accepts the environment, each name occurs once, dangerous names
//! are there only if they were allowed, and no value is lost, changed or part of a message.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use vault_exec::env_block::{EnvEntry, is_withheld};
use vault_exec::env_name::{Case, EnvName};
use vault_exec::environment::{EnvPolicy, Environment, MAX_ENTRY_BYTES, OnConflict, Outcome};
use vault_exec::error::{CliError, Diagnostic};
use vault_exec::kv::KvSecret;
use vault_exec::mapping::{self, Export, KeyMapping, Source, Variable};
use vault_exec::secret::Secret;
use vault_exec::secret_path::SecretPath;
use vault_exec_fuzz::{inherited, unescape};

/// Cannot be part of a variable name, because of the dash.
const VALUE: &str = "hunter-2";

#[derive(Default)]
struct Input {
    naming: KeyMapping,
    policy: EnvPolicy,
    secrets: Vec<KvSecret>,
    from_templates: Vec<Variable>,
    inherited: Vec<String>,
    token: Option<Secret>,
}

// Each line is a word and its argument; see `read`.
fuzz_target!(|text: &str| {
    let Input { naming, policy, secrets, from_templates, inherited: lines, token } = read(text);
    let before: Vec<(Vec<u8>, Vec<u8>)> = entries(&lines);
    let sent: Vec<(String, Vec<(String, Option<Vec<u8>>)>)> = secrets.iter().map(copy).collect();
    let set: BTreeMap<EnvName, Vec<u8>> =
        from_templates.iter().map(|variable| (variable.name.clone(), variable.value.expose().to_vec())).collect();

    let (mapped, refused) = mapping::map(&secrets, from_templates, &naming);
    let errors: Vec<CliError> = refused.into_iter().map(CliError::from).collect();
    let is_sound = errors.is_empty();
    errors.into_iter().for_each(|error| assert_no_value_in(error, text));
    let (environment, refused) =
        Environment::build(inherited(lines.iter().map(String::as_str)), mapped, token.as_ref(), &policy);
    let is_whole = refused.is_empty();
    refused.into_iter().map(CliError::from).for_each(|error| assert_no_value_in(error, text));

    let mut block: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    // Entries without a name are passed on.
    let nameless = |entries: Vec<EnvEntry>| {
        let texts = entries.into_iter().filter(|entry| entry.name().is_empty());
        texts.map(|entry| entry.with_nul().to_vec()).collect::<Vec<_>>()
    };
    let inherited_nameless = nameless(inherited(lines.iter().map(String::as_str)).into_entries());
    let (named, rest): (Vec<_>, Vec<_>) =
        environment.entries.iter().partition(|entry| !entry.name().is_empty());
    let rest: Vec<_> = rest.into_iter().map(|entry| entry.with_nul().to_vec()).collect();
    assert_eq!(rest, if policy.keep_only.is_none() { inherited_nameless } else { Vec::new() });
    for entry in named {
        let (name, value, whole) = (entry.name(), entry.value(), entry.with_nul());
        assert_eq!(whole, [name, b"=", value, b"\0"].concat());
        assert_eq!(whole.iter().position(|&byte| byte == 0), Some(whole.len() - 1), "a NUL ends an entry");
        assert!(!name.is_empty() && !name[1..].contains(&b'='));
        assert!(block.insert(name.to_vec(), value.to_vec()).is_none(), "a name twice");
    }

    // The expected value of each name, by the rules of the contract.
    let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let kept = |name: &[u8]| policy.keep_only.as_ref().is_none_or(|keep| keep.iter().any(|kept| kept.as_bytes() == name));
    for (name, value) in before.into_iter().filter(|(name, _)| !is_withheld(name) && kept(name)) {
        expected.entry(name).or_insert(value);
    }
    expected.extend(token.map(|token| (b"VAULT_TOKEN".to_vec(), token.expose().to_vec())));
    let mut from_secrets = selected(&sent, &naming, &set);
    from_secrets.extend(set.clone());
    if is_sound {
        for (name, value) in from_secrets {
            let name = name.as_str().as_bytes().to_vec();
            if policy.on_conflict == OnConflict::Vault || !expected.contains_key(&name) {
                expected.insert(name, value);
            }
        }
        assert_eq!(block, expected);
    }
    if is_whole {
        assert!(policy.require.iter().all(|name| block.get(name.as_bytes()).is_some_and(|value| !value.is_empty())));
    }

    for decision in &environment.decisions {
        let name = &decision.name;
        assert_eq!(EnvName::parse_any(name.as_str()).as_ref(), Ok(name));
        let from_a_key = matches!(decision.source, Source::Key(_));
        let is_used = matches!(decision.outcome, Outcome::Set | Outcome::ReplacesInherited);
        assert!(!from_a_key || !is_used || name.danger(false).is_none() || naming.allowed_names.contains(name), "{name}");
    }
    assert_size_limits(&environment);
});

/// The variables made from keys, if no key has an error. Later paths override earlier ones.
fn selected(
    sent: &[(String, Vec<(String, Option<Vec<u8>>)>)],
    naming: &KeyMapping,
    set: &BTreeMap<EnvName, Vec<u8>>,
) -> BTreeMap<EnvName, Vec<u8>> {
    let mut all = BTreeMap::new();
    for ((_, data), Export { prefix, .. }) in sent.iter().zip(&naming.exports).filter(|_| !naming.explicit) {
        let mut names = BTreeSet::new();
        for (key, value) in data {
            if naming.skip.contains(key) || (!naming.only.is_empty() && !naming.only.contains(key)) {
                continue;
            }
            let letters = key.bytes().map(|byte| match byte {
                b'a'..=b'z' if naming.case == Case::Upper => char::from(byte - 32),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte),
                _ => '_',
            });
            let Ok(name) = EnvName::parse(&prefix.chars().chain(letters).collect::<String>()) else { continue };
            let is_new = names.insert(name.clone());
            if let Some(value) = value
                && is_new
                && (name.danger(false).is_none() || naming.allowed_names.contains(&name) || set.contains_key(&name))
            {
                all.insert(name, value.clone());
            }
        }
    }
    all
}

/// The size check agrees with the limits of `execve(2)` for each string and for all of them.
fn assert_size_limits(environment: &Environment) {
    let lengths = || environment.entries.iter().map(|entry| entry.with_nul().len());
    let total: usize = lengths().map(|length| length + 8).sum();
    let fits = lengths().all(|length| length <= MAX_ENTRY_BYTES);
    assert_eq!(environment.check_size(0, total).is_ok(), fits);
    assert!(environment.check_size(1, total).is_err());
}

/// No message contains a value, unless the same text is also a name.
fn assert_no_value_in(error: CliError, text: &str) {
    let Diagnostic { message, hint, .. } = Diagnostic::from(error);
    let printed = format!("{message} {}", hint.unwrap_or_default());
    let name = |line: &'_ str| match line.split_once('=') {
        Some((name, _)) if ["key ", "set ", "env "].iter().any(|word| name.starts_with(word)) => name.len(),
        _ => line.len(),
    };
    let is_name = text.lines().any(|line| line[..name(line)].contains(VALUE));
    assert!(is_name || !printed.contains(VALUE), "{printed}");
}

fn copy(secret: &KvSecret) -> (String, Vec<(String, Option<Vec<u8>>)>) {
    let pair =
        |(key, value): &(String, Option<Rc<Secret>>)| (key.clone(), value.as_ref().map(|value| value.expose().to_vec()));
    (secret.path.as_typed(), secret.data.iter().map(pair).collect())
}

fn entries(lines: &[String]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let block = inherited(lines.iter().map(String::as_str)).into_entries();
    block.iter().filter(|entry| !entry.name().is_empty()).map(|entry| (entry.name().to_vec(), entry.value().to_vec())).collect()
}

fn read(text: &str) -> Input {
    let (mut case, mut prefix) = (Input::default(), String::new());
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let owned = unescape(rest);
        match word {
            "only" => case.naming.only.push(owned),
            "skip" => case.naming.skip.push(owned),
            "keep" => case.naming.case = Case::Keep,
            "explicit" => case.naming.explicit = true,
            "prefix" if EnvName::parse(rest).is_ok() => prefix = owned,
            "allow" => case.naming.allowed_names.extend(EnvName::parse(rest)),
            "conflict" => case.policy.on_conflict = if rest == "env" { OnConflict::Env } else { OnConflict::Error },
            "pristine" => case.policy.keep_only.get_or_insert_default().push(owned),
            "require" => case.policy.require.push(owned),
            "token" => case.token = Some(Secret::new(rest.bytes().filter(u8::is_ascii_graphic).collect())),
            "env" => case.inherited.push(rest.to_owned()),
            "path" => {
                let Ok(path) = SecretPath::parse(&owned) else { continue };
                if case.secrets.iter().all(|secret| secret.path != path) {
                    case.secrets.push(KvSecret { path, version: Some(1), data: Vec::new(), lease_duration: None, exported: true });
                }
            }
            "key" | "null" => {
                let Some(secret) = case.secrets.last_mut() else { continue };
                let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
                let value = (word == "key").then(|| Rc::new(Secret::new(unescape(value).into_bytes())));
                secret.data.push((unescape(key), value));
            }
            "set" => {
                let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
                let (Ok(name), value) = (EnvName::parse_any(name), Secret::new(unescape(value).into_bytes())) else {
                    continue;
                };
                if case.from_templates.iter().all(|other| other.name != name) {
                    case.from_templates.extend(Variable::from_template(name, value, Source::Set));
                }
            }
            _ => {}
        }
    }
    let export = |secret: &KvSecret| Export { path: secret.path.clone(), prefix: prefix.clone(), discovered: false };
    case.naming.exports = case.secrets.iter().map(export).collect();
    case
}
