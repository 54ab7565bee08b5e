//! `[pure]` Templates such as `postgresql://{user|url}:{password|url}@db`: parsed once, rendered with the secrets.

mod filter;
mod reference;

use std::fmt;

pub use filter::FilterError;
pub use reference::ReferenceError;

use crate::env_name::EnvName;
use crate::error::CliError;
use crate::escape::truncate;
use crate::kv::KvSecret;
use crate::secret::Secret;
use crate::secret_path::SecretPath;
use crate::suggest::hint_for_unknown;
use filter::Filter;
use reference::Piece;

/// `NAME=TEMPLATE`
#[derive(Debug)]
pub struct Assignment {
    /// The variable.
    pub name: EnvName,
    /// Its value.
    pub template: Template,
    /// The option or variable that the assignment was given with.
    pub source: String,
    /// Whether it is from a project file that the user did not name.
    pub discovered: bool,
}

/// Text with placeholders for values.
#[derive(Debug)]
pub struct Template(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    Text(String),
    /// Of an inherited variable, which may be secret.
    Inherited(Secret),
    Value(Placeholder),
}

/// `{path#key|filter}`
#[derive(Debug)]
struct Placeholder {
    path: Option<SecretPath>,
    key: String,
    filters: Vec<Filter>,
    column: Option<usize>,
}

/// An error in a template, or in rendering it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The brace it concerns, in characters from 1; `None` in an inherited variable, of which not even a length is printed.
    pub column: Option<usize>,
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
    Path(&'static str),
    UnknownFilter { filter: String },
    Missing { path: String },
    UnknownKey { key: String, hint: String },
    Null { key: String },
    Filter(FilterError),
}

impl Assignment {
    /// Renders the template with the values of `secrets`.
    ///
    /// # Errors
    /// A [`TemplateError`] in words.
    pub fn render(&self, secrets: &[KvSecret]) -> Result<Secret, CliError> {
        self.template.render(secrets).map_err(|error| error.in_assignment(&self.source, &self.name).maybe_consequence())
    }

    /// Whether its value may come from what `writes` would return.
    pub fn may_use(&self, writes: &[&SecretPath], secrets: &[KvSecret]) -> bool {
        self.template.0.iter().any(|segment| match segment {
            Segment::Text(_) | Segment::Inherited(_) => false,
            Segment::Value(Placeholder { path: Some(path), .. }) => writes.contains(&path),
            Segment::Value(placeholder) => !writes.is_empty() && placeholder.find(secrets).is_err(),
        })
    }

    /// What users of other templates write by habit, and what it means here.
    #[must_use]
    pub fn warnings(&self) -> Vec<CliError> {
        let Template(segments) = &self.template;
        let dollar = |pair: &[Segment]| matches!(pair, [Segment::Text(text), _] if text.ends_with('$'));
        let braces = |segment: &Segment| matches!(segment, Segment::Text(text) if has_words_in_braces(text));
        let habits = [
            (segments.windows(2).any(dollar), "`${…}` is a dollar sign before a value"),
            (segments.iter().any(braces), "`{{ … }}` is text in single braces"),
        ];
        let warning =
            |(_, what)| CliError::new(format!("{} {}: {what}", self.source, self.name)).hint("{key} inserts a value");
        habits.into_iter().filter(|(found, _)| *found).map(warning).collect()
    }
}

/// Whether a text contains braces around something that looks like a name or a call, unlike JSON.
fn has_words_in_braces(text: &str) -> bool {
    let is_call = |inner: &str| !inner.trim().is_empty() && !inner.contains(['"', ':', ',']);
    text.split('{').skip(1).any(|rest| rest.split_once('}').is_some_and(|(inner, _)| is_call(inner)))
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
            let error = |kind| TemplateError { column: Some(column), kind };
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

    /// Makes a template of the value of a variable; `None` without a reference.
    ///
    /// # Errors
    /// If a part of the value looks like a reference and cannot be replaced.
    pub fn parse_references(value: &[u8]) -> Result<Option<Self>, ReferenceError> {
        let segment = |piece| match piece {
            Piece::Text(text) => Segment::Inherited(Secret::new(text.to_vec())),
            Piece::Reference { path, key } => {
                Segment::Value(Placeholder { path: Some(path), key, filters: Vec::new(), column: None })
            }
        };
        Ok(reference::parse(value)?.map(|pieces| Self(pieces.into_iter().map(segment).collect())))
    }

    /// Completes its paths, which are written as for `--path`.
    ///
    /// # Errors
    /// If `complete` returns what a path must be instead.
    pub fn complete_paths(
        &mut self,
        mut complete: impl FnMut(SecretPath) -> Result<SecretPath, &'static str>,
    ) -> Result<(), TemplateError> {
        for segment in &mut self.0 {
            if let Segment::Value(Placeholder { path: Some(path), column, .. }) = segment {
                let error = |expected| TemplateError { column: *column, kind: TemplateErrorKind::Path(expected) };
                *path = complete(path.clone()).map_err(error)?;
            }
        }
        Ok(())
    }

    /// Replaces the placeholders. A key without a path is taken from the last exported secret that has it, as for variables.
    ///
    /// # Errors
    /// If a path or key does not exist, the value is `null`, or a filter does not take it.
    pub fn render(&self, secrets: &[KvSecret]) -> Result<Secret, TemplateError> {
        let mut text = Secret::new(Vec::new());
        for segment in &self.0 {
            match segment {
                Segment::Text(literal) => text.extend(literal.as_bytes()),
                Segment::Inherited(literal) => text.extend(literal.expose()),
                Segment::Value(placeholder) => {
                    let error = |kind| TemplateError { column: placeholder.column, kind };
                    let mut filtered = None;
                    let value = placeholder.find(secrets).map_err(error)?;
                    for filter in &placeholder.filters {
                        let output = filter.apply(filtered.as_ref().unwrap_or(value).expose());
                        filtered = Some(output.map_err(TemplateErrorKind::Filter).map_err(error)?);
                    }
                    text.extend(filtered.as_ref().unwrap_or(value).expose());
                }
            }
        }
        Ok(text)
    }
}

impl Placeholder {
    fn parse(inner: &str, column: usize) -> Result<Self, TemplateErrorKind> {
        let mut pieces = inner.split('|');
        let reference = pieces.next().unwrap_or_default();
        let filter = |text: &str| {
            let text = text.trim();
            Filter::parse(text).ok_or_else(|| TemplateErrorKind::UnknownFilter { filter: text.to_owned() })
        };
        let filters = pieces.map(filter).collect::<Result<_, _>>()?;
        let (path, key) = match reference.split_once('#') {
            Some((path, key)) => {
                let path = SecretPath::parse(path.trim());
                (Some(path.map_err(|error| TemplateErrorKind::Path(error.expected()))?), key.trim())
            }
            None => (None, reference.trim()),
        };
        if key.is_empty() {
            Err(TemplateErrorKind::NoKey)
        } else {
            Ok(Self { path, key: key.to_owned(), filters, column: Some(column) })
        }
    }

    fn find<'a>(&self, secrets: &'a [KvSecret]) -> Result<&'a Secret, TemplateErrorKind> {
        let is_of_path = |secret: &&KvSecret| self.path.as_ref().map_or(secret.exported, |path| secret.path == *path);
        let candidates = secrets.iter().filter(is_of_path);
        if let (Some(path), None) = (&self.path, candidates.clone().next()) {
            return Err(TemplateErrorKind::Missing { path: path.as_typed() });
        }
        let pairs = || candidates.clone().flat_map(|secret| &secret.data);
        match pairs().rfind(|(key, _)| *key == self.key) {
            Some((_, Some(value))) => Ok(value),
            Some((key, None)) => Err(TemplateErrorKind::Null { key: key.clone() }),
            None => {
                let hint = hint_for_unknown([&*self.key], "keys", pairs().map(|(key, _)| key.as_str()));
                Err(TemplateErrorKind::UnknownKey { key: self.key.clone(), hint })
            }
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.column.map_or(Ok(()), |column| write!(f, "column {column}: "))?;
        match &self.kind {
            TemplateErrorKind::Unclosed => f.write_str("unclosed {"),
            TemplateErrorKind::Unopened => f.write_str("unmatched }"),
            TemplateErrorKind::NoKey => f.write_str("no key between the braces"),
            TemplateErrorKind::Path(expected) => write!(f, "before the #: expected {expected}"),
            TemplateErrorKind::UnknownFilter { filter } => write!(f, "unknown filter `{}`", truncate(filter)),
            TemplateErrorKind::Missing { path } => write!(f, "no secret was read at `{path}`"),
            TemplateErrorKind::UnknownKey { key, .. } => write!(f, "unknown key `{}`", truncate(key)),
            TemplateErrorKind::Null { key } => write!(f, "key `{}` is null", truncate(key)),
            TemplateErrorKind::Filter(error) => error.fmt(f),
        }
    }
}

impl TemplateError {
    /// The error in words, with the option and the variable.
    pub fn in_assignment(&self, source: &str, name: &EnvName) -> CliError {
        let hint = match &self.kind {
            TemplateErrorKind::Unclosed | TemplateErrorKind::Unopened | TemplateErrorKind::NoKey => {
                "{key} inserts a value; {{ and }} are literal braces"
            }
            TemplateErrorKind::Path(_) => "write the path as in --path",
            TemplateErrorKind::UnknownFilter { .. } => filter::HINT,
            TemplateErrorKind::Missing { .. } => {
                "--optional-path lets a start do without it, a template or reference does not"
            }
            TemplateErrorKind::UnknownKey { hint, .. } => hint,
            TemplateErrorKind::Null { .. } => "give it a value in the secret (\"\" is one)",
            TemplateErrorKind::Filter(_) => "check the value in the secret, and the filters of the template",
        };
        CliError::new(format!("{source} {name}: {self}")).hint(hint)
    }
}

#[cfg(test)]
mod tests;
