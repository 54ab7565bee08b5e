//! `[pure]` `postgresql://{user|url}:{password|url}@db` becomes tokens once, and with the secrets at hand a value.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::env_name::EnvName;
use crate::error::CliError;
use crate::escape::printable;
use crate::kv::{KvSecret, LONGEST_SHOWN};
use crate::secret::Secret;

/// `NAME=TEMPLATE`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: EnvName,
    /// What goes into it.
    pub template: Template,
    /// The option or variable that asked for it.
    pub source: String,
}

/// A text with places that values go into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Value(Place),
}

/// `{path#key|filter}`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    path: Option<String>,
    key: String,
    filter: Filter,
    column: usize,
}

/// What is done to a value on its way into the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    None,
    /// Percent-encoded, the unreserved characters of RFC 3986 kept.
    Url,
    /// Encoded with the alphabet of RFC 4648, padded.
    Base64,
}

const FILTERS: [(&str, Filter); 2] = [("url", Filter::Url), ("base64", Filter::Base64)];

const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is wrong with a template, and at which character, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is.
    pub column: usize,
    /// What it is.
    pub kind: FaultKind,
}

/// See [`Fault::kind`]. Names what was typed and what is there, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum FaultKind {
    Unclosed,
    Unopened,
    NoKey,
    UnknownFilter { filter: String },
    UnknownPath { path: String, near: Option<String> },
    UnknownKey { key: String, near: Option<String> },
    Null { key: String },
}

impl Assignment {
    /// The value, with what the secrets hold put in.
    ///
    /// # Errors
    /// When the template asks for what is not there.
    pub fn value(&self, secrets: &[KvSecret]) -> Result<Secret, CliError> {
        let failure =
            |fault: Fault| CliError::new(format!("{} {}: {fault}", self.source, self.name)).hint(fault.kind.hint());
        self.template.render(secrets).map_err(failure)
    }
}

impl Template {
    /// Reads a template. `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// When a brace has no partner, or what stands between them is no place for a value.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut tokens = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars().zip(1..).peekable();
        while let Some((character, column)) = characters.next() {
            match character {
                '{' | '}' if characters.next_if(|(next, _)| *next == character).is_some() => plain.push(character),
                '}' => return Err(Fault { column, kind: FaultKind::Unopened }),
                '{' => {
                    let mut inner = String::new();
                    loop {
                        match characters.next() {
                            Some(('}', _)) => break,
                            None | Some(('{', _)) => return Err(Fault { column, kind: FaultKind::Unclosed }),
                            Some((character, _)) => inner.push(character),
                        }
                    }
                    if !plain.is_empty() {
                        tokens.push(Token::Text(std::mem::take(&mut plain)));
                    }
                    let place = Place::parse(&inner, column).map_err(|kind| Fault { column, kind })?;
                    tokens.push(Token::Value(place));
                }
                _ => plain.push(character),
            }
        }
        if !plain.is_empty() {
            tokens.push(Token::Text(plain));
        }
        Ok(Self(tokens))
    }

    /// Puts the values in. A key without a path is taken from the last secret that holds it, which is the one that wins.
    ///
    /// # Errors
    /// When there is no such path or key, or its value is `null`.
    pub fn render(&self, secrets: &[KvSecret]) -> Result<Secret, Fault> {
        let mut value = Vec::new();
        for token in &self.0 {
            match token {
                Token::Text(text) => value.extend_from_slice(text.as_bytes()),
                Token::Value(place) => match place.find(secrets) {
                    Ok(secret) => place.filter.apply(secret.expose(), &mut value),
                    Err(kind) => {
                        drop(Secret::new(value));
                        return Err(Fault { column: place.column, kind });
                    }
                },
            }
        }
        Ok(Secret::new(value))
    }
}

impl Place {
    fn parse(inner: &str, column: usize) -> Result<Self, FaultKind> {
        let (place, filter) = match inner.rsplit_once('|') {
            None => (inner, Filter::None),
            Some((place, name)) => match FILTERS.iter().find(|(known, _)| *known == name.trim()) {
                Some((_, filter)) => (place, *filter),
                None => return Err(FaultKind::UnknownFilter { filter: name.trim().to_owned() }),
            },
        };
        let (path, key) = match place.split_once('#') {
            Some((path, key)) => (Some(path.trim().trim_matches('/').to_owned()), key.trim()),
            None => (None, place.trim()),
        };
        if key.is_empty() { Err(FaultKind::NoKey) } else { Ok(Self { path, key: key.to_owned(), filter, column }) }
    }

    fn find<'a>(&self, secrets: &'a [KvSecret]) -> Result<&'a Secret, FaultKind> {
        if let Some(path) = &self.path
            && !secrets.iter().any(|secret| secret.path == *path)
        {
            let near = nearest(path, secrets.iter().map(|secret| secret.path.as_str()));
            return Err(FaultKind::UnknownPath { path: path.clone(), near });
        }
        let candidates = secrets.iter().filter(|secret| self.path.as_ref().is_none_or(|path| secret.path == *path));
        let pairs = || candidates.clone().flat_map(|secret| &secret.data);
        match pairs().rfind(|(key, _)| *key == self.key) {
            Some((_, Some(value))) => Ok(value),
            Some((key, None)) => Err(FaultKind::Null { key: key.clone() }),
            None => {
                let near = nearest(&self.key, pairs().map(|(key, _)| key.as_str()));
                Err(FaultKind::UnknownKey { key: self.key.clone(), near })
            }
        }
    }
}

impl Filter {
    fn apply(self, value: &[u8], into: &mut Vec<u8>) {
        match self {
            Self::None => into.extend_from_slice(value),
            Self::Url => {
                percent_encode(value, NOT_UNRESERVED).for_each(|piece| into.extend_from_slice(piece.as_bytes()));
            }
            Self::Base64 => {
                let start = into.len();
                into.resize(start + value.len().div_ceil(3) * 4, 0);
                let written = STANDARD.encode_slice(value, &mut into[start..]).unwrap_or_default();
                into.truncate(start + written);
            }
        }
    }
}

/// What was probably meant: at most a third of the letters differ. To compare two texts takes memory for each pair of
/// their letters, and whoever writes a secret decides how long a key is.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_short = |text: &str| text.len() <= LONGEST_SHOWN;
    known
        .filter(|known| is_short(typed) && is_short(known))
        .map(|known| (strsim::damerau_levenshtein(&typed.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance * 3 <= known.len().max(3))
        .min()
        .map(|(_, known)| known.to_owned())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.column)?;
        match &self.kind {
            FaultKind::Unclosed => f.write_str("a { without its }"),
            FaultKind::Unopened => f.write_str("a } without its {"),
            FaultKind::NoKey => f.write_str("no key between the braces"),
            FaultKind::UnknownFilter { filter } => write!(f, "no filter is called `{filter}`"),
            FaultKind::UnknownPath { path, .. } => write!(f, "no secret was read at `{path}`"),
            FaultKind::UnknownKey { key, .. } => write!(f, "no key is called `{key}`"),
            FaultKind::Null { key } => write!(f, "key `{key}` is null"),
        }
    }
}

impl FaultKind {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unclosed | Self::Unopened | Self::NoKey => "{key} is a value, {{ and }} are braces".into(),
            Self::UnknownFilter { .. } => "the filters are url and base64".into(),
            Self::UnknownPath { near: Some(near), .. } | Self::UnknownKey { near: Some(near), .. } => {
                format!("did you mean `{}`?", printable(near, false))
            }
            Self::UnknownPath { .. } => "write the path as --path has it, in front of the #".into(),
            Self::UnknownKey { .. } => "keys are named as the secret has them, before they become variables".into(),
            Self::Null { .. } => "give it a value in the secret (\"\" is one)".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets() -> Vec<KvSecret> {
        let secret = |path: &str, data: &[(&str, Option<&str>)]| KvSecret {
            path: path.into(),
            version: None,
            data: data
                .iter()
                .map(|(key, value)| (key.to_string(), value.map(|value| Secret::new(value.as_bytes().to_vec()))))
                .collect(),
            lease: None,
        };
        vec![
            secret("s/a", &[("user", Some("first")), ("password", Some("p@ss:/?#%")), ("none", None)]),
            secret("s/b", &[("user", Some("last"))]),
        ]
    }

    fn render(text: &str) -> Result<String, Fault> {
        let value = Template::parse(text)?.render(&secrets())?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    fn fault(text: &str) -> (usize, FaultKind) {
        let Fault { column, kind } = render(text).unwrap_err();
        (column, kind)
    }

    #[test]
    fn values_go_into_their_places() {
        assert_eq!(render("").unwrap(), "");
        assert_eq!(render("plain é").unwrap(), "plain é");
        assert_eq!(render("{user}").unwrap(), "last", "the path that wins");
        assert_eq!(render("{s/a#user}+{ s/b # user }").unwrap(), "first+last");
        assert_eq!(render("{{{user}}}{{}}").unwrap(), "{last}{}");
        assert_eq!(render("pg://{user|url}:{password|url}@db").unwrap(), "pg://last:p%40ss%3A%2F%3F%23%25@db");
        assert_eq!(render("{password|base64}").unwrap(), "cEBzczovPyMl");
    }

    #[test]
    fn faults_say_where_they_are() {
        assert_eq!(fault("ab{user"), (3, FaultKind::Unclosed));
        assert_eq!(fault("é{us{er}"), (2, FaultKind::Unclosed));
        assert_eq!(fault("user}"), (5, FaultKind::Unopened));
        assert_eq!(fault("{}"), (1, FaultKind::NoKey));
        assert_eq!(fault("{s/a#}"), (1, FaultKind::NoKey));
        assert_eq!(fault("x {user|uri}"), (3, FaultKind::UnknownFilter { filter: "uri".into() }));
        assert_eq!(
            fault("{user}{pasword}"),
            (7, FaultKind::UnknownKey { key: "pasword".into(), near: Some("password".into()) })
        );
        assert_eq!(fault("{zzz}"), (1, FaultKind::UnknownKey { key: "zzz".into(), near: None }));
        assert_eq!(fault("{s/c#user}"), (1, FaultKind::UnknownPath { path: "s/c".into(), near: Some("s/a".into()) }));
        assert_eq!(fault("{none}"), (1, FaultKind::Null { key: "none".into() }));
    }

    #[test]
    fn what_nobody_types_is_compared_with_nothing() {
        let (one, other) = ("k".repeat(1 << 20), "k".repeat((1 << 20) + 1));
        assert_eq!(nearest(&one, [other.as_str()].into_iter()), None);
        assert_eq!(nearest("key", [other.as_str(), "keys"].into_iter()), Some("keys".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_a_fault_within_it(text in "\\PC{0,40}") {
            if let Err(fault) = Template::parse(&text) {
                prop_assert!((1..=text.chars().count()).contains(&fault.column));
            }
        }

        #[test]
        fn text_with_doubled_braces_is_itself(text in "\\PC{0,40}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(render(&doubled).unwrap(), text);
        }
    }
}
