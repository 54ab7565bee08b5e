//! `[pure]` Templates such as `postgresql://{user|url}:{password|url}@db`: parsed once, rendered with the secrets.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::env_name::EnvName;
use crate::error::CliError;
use crate::escape::truncate;
use crate::kv::KvSecret;
use crate::secret::Secret;
use crate::suggest::suggest;

/// `NAME=TEMPLATE`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: EnvName,
    /// Its value.
    pub template: Template,
    /// The option or variable that the assignment was given with.
    pub source: String,
}

/// Text with placeholders for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Value(Placeholder),
}

/// `{path#key|filter}`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placeholder {
    path: Option<String>,
    key: String,
    filter: Filter,
    column: usize,
}

/// The encoding of a value in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    None,
    /// Percent-encoding of all but the unreserved characters, see RFC 3986, section 2.3.
    Url,
    /// The alphabet of RFC 4648, section 4, with padding.
    Base64,
}

const FILTERS: [(&str, Filter); 2] = [("url", Filter::Url), ("base64", Filter::Base64)];

const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An error in a template, or in rendering it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The brace it concerns, in characters from 1.
    pub column: usize,
    /// The kind of error.
    pub kind: TemplateErrorKind,
}

/// See [`TemplateError::kind`]. Contains text of the template and names of keys and paths, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum TemplateErrorKind {
    Unclosed,
    Unopened,
    NoKey,
    UnknownFilter { filter: String },
    UnknownPath { path: String, near: Option<String> },
    UnknownKey { key: String, near: Option<String> },
    Null { key: String },
}

impl Assignment {
    /// Renders the template with the values of `secrets`.
    ///
    /// # Errors
    /// A [`TemplateError`] in words, with the option and the variable.
    pub fn render(&self, secrets: &[KvSecret]) -> Result<Secret, CliError> {
        let named = |error: TemplateError| {
            CliError::new(format!("{} {}: {error}", self.source, self.name)).hint(error.kind.hint())
        };
        self.template.render(secrets).map_err(named)
    }
}

impl Template {
    /// Parses a template. `{{` and `}}` are literal braces.
    ///
    /// # Errors
    /// If braces are unbalanced, or enclose no key or an unknown filter.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        let mut literal = String::new();
        let mut characters = text.char_indices().zip(1..).peekable();
        while let Some(((index, character), column)) = characters.next() {
            let error = |kind| TemplateError { column, kind };
            match character {
                '{' | '}' if characters.next_if(|((_, next), _)| *next == character).is_some() => {
                    literal.push(character);
                }
                '}' => return Err(error(TemplateErrorKind::Unopened)),
                '{' => {
                    let inner = text[index + 1..].split_once('}').map(|(inner, _)| inner);
                    let inner = inner.filter(|inner| !inner.contains('{')).ok_or(error(TemplateErrorKind::Unclosed))?;
                    // The placeholder and its closing brace.
                    characters.nth(inner.chars().count());
                    segments.push(Segment::Text(std::mem::take(&mut literal)));
                    segments.push(Segment::Value(Placeholder::parse(inner, column).map_err(error)?));
                }
                _ => literal.push(character),
            }
        }
        segments.push(Segment::Text(literal));
        Ok(Self(segments))
    }

    /// Replaces the placeholders. A key without a path is taken from the last secret that has it, as for variables.
    ///
    /// # Errors
    /// If a path or key does not exist, or the value is `null`.
    pub fn render(&self, secrets: &[KvSecret]) -> Result<Secret, TemplateError> {
        let mut value = Vec::new();
        for segment in &self.0 {
            match segment {
                Segment::Text(text) => value.extend_from_slice(text.as_bytes()),
                Segment::Value(placeholder) => match placeholder.find(secrets) {
                    Ok(secret) => placeholder.filter.apply(secret.expose(), &mut value),
                    Err(kind) => {
                        drop(Secret::new(value));
                        return Err(TemplateError { column: placeholder.column, kind });
                    }
                },
            }
        }
        Ok(Secret::new(value))
    }
}

impl Placeholder {
    fn parse(inner: &str, column: usize) -> Result<Self, TemplateErrorKind> {
        let (reference, filter) = match inner.rsplit_once('|') {
            None => (inner, Filter::None),
            Some((reference, name)) => match FILTERS.iter().find(|(known, _)| *known == name.trim()) {
                Some((_, filter)) => (reference, *filter),
                None => return Err(TemplateErrorKind::UnknownFilter { filter: name.trim().to_owned() }),
            },
        };
        let (path, key) = match reference.split_once('#') {
            Some((path, key)) => (Some(path.trim().trim_matches('/').to_owned()), key.trim()),
            None => (None, reference.trim()),
        };
        if key.is_empty() {
            Err(TemplateErrorKind::NoKey)
        } else {
            Ok(Self { path, key: key.to_owned(), filter, column })
        }
    }

    fn find<'a>(&self, secrets: &'a [KvSecret]) -> Result<&'a Secret, TemplateErrorKind> {
        if let Some(path) = &self.path
            && !secrets.iter().any(|secret| secret.path == *path)
        {
            let near = suggest(path, secrets.iter().map(|secret| secret.path.as_str()));
            return Err(TemplateErrorKind::UnknownPath { path: path.clone(), near });
        }
        let candidates = secrets.iter().filter(|secret| self.path.as_ref().is_none_or(|path| secret.path == *path));
        let pairs = || candidates.clone().flat_map(|secret| &secret.data);
        match pairs().rfind(|(key, _)| *key == self.key) {
            Some((_, Some(value))) => Ok(value),
            Some((key, None)) => Err(TemplateErrorKind::Null { key: key.clone() }),
            None => {
                let near = suggest(&self.key, pairs().map(|(key, _)| key.as_str()));
                Err(TemplateErrorKind::UnknownKey { key: self.key.clone(), near })
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

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.column)?;
        match &self.kind {
            TemplateErrorKind::Unclosed => f.write_str("unclosed {"),
            TemplateErrorKind::Unopened => f.write_str("unmatched }"),
            TemplateErrorKind::NoKey => f.write_str("no key between the braces"),
            TemplateErrorKind::UnknownFilter { filter } => write!(f, "unknown filter `{}`", truncate(filter)),
            TemplateErrorKind::UnknownPath { path, .. } => write!(f, "no secret was read at `{path}`"),
            TemplateErrorKind::UnknownKey { key, .. } => write!(f, "unknown key `{}`", truncate(key)),
            TemplateErrorKind::Null { key } => write!(f, "key `{}` is null", truncate(key)),
        }
    }
}

impl TemplateErrorKind {
    /// The remedy.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unclosed | Self::Unopened | Self::NoKey => {
                "{key} inserts a value; {{ and }} are literal braces".into()
            }
            Self::UnknownFilter { .. } => "the filters are url and base64".into(),
            Self::UnknownPath { near: Some(near), .. } | Self::UnknownKey { near: Some(near), .. } => {
                format!("did you mean `{near}`?")
            }
            Self::UnknownPath { .. } => "write the path before the # as in --path".into(),
            Self::UnknownKey { .. } => "write keys as in the secret, not as variable names".into(),
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
            lease_duration: None,
        };
        vec![
            secret("s/a", &[("user", Some("first")), ("password", Some("p@ss:/?#%")), ("none", None)]),
            secret("s/b", &[("user", Some("last"))]),
        ]
    }

    fn render(text: &str) -> Result<String, TemplateError> {
        let value = Template::parse(text)?.render(&secrets())?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    fn error(text: &str) -> (usize, TemplateErrorKind) {
        let TemplateError { column, kind } = render(text).unwrap_err();
        (column, kind)
    }

    #[test]
    fn placeholders_are_replaced() {
        assert_eq!(render("").unwrap(), "");
        assert_eq!(render("plain é").unwrap(), "plain é");
        assert_eq!(render("{user}").unwrap(), "last", "the last path wins");
        assert_eq!(render("{s/a#user}+{ s/b # user }").unwrap(), "first+last");
        assert_eq!(render("{{{user}}}{{}}").unwrap(), "{last}{}");
        assert_eq!(render("pg://{user|url}:{password|url}@db").unwrap(), "pg://last:p%40ss%3A%2F%3F%23%25@db");
        assert_eq!(render("{password|base64}").unwrap(), "cEBzczovPyMl");
    }

    #[test]
    fn errors_name_the_column() {
        assert_eq!(error("ab{user"), (3, TemplateErrorKind::Unclosed));
        assert_eq!(error("é{us{er}"), (2, TemplateErrorKind::Unclosed));
        assert_eq!(error("user}"), (5, TemplateErrorKind::Unopened));
        assert_eq!(error("{}"), (1, TemplateErrorKind::NoKey));
        assert_eq!(error("{s/a#}"), (1, TemplateErrorKind::NoKey));
        assert_eq!(error("x {user|uri}"), (3, TemplateErrorKind::UnknownFilter { filter: "uri".into() }));
        assert_eq!(
            error("{user}{pasword}"),
            (7, TemplateErrorKind::UnknownKey { key: "pasword".into(), near: Some("password".into()) })
        );
        assert_eq!(error("{zzz}"), (1, TemplateErrorKind::UnknownKey { key: "zzz".into(), near: None }));
        assert_eq!(
            error("{s/c#user}"),
            (1, TemplateErrorKind::UnknownPath { path: "s/c".into(), near: Some("s/a".into()) })
        );
        assert_eq!(error("{none}"), (1, TemplateErrorKind::Null { key: "none".into() }));
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_an_error_within_it(text in "\\PC{0,40}") {
            if let Err(error) = Template::parse(&text) {
                prop_assert!((1..=text.chars().count()).contains(&error.column));
            }
        }

        #[test]
        fn text_with_doubled_braces_is_itself(text in "\\PC{0,40}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(render(&doubled).unwrap(), text);
        }
    }
}
