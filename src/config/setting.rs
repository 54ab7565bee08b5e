//! `[pure]` One setting as text, and the types it can become.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::error::Error;
use crate::output_format::OutputFormat;
use crate::secret::Secret;

/// The text of a setting and where to change it. It can be printed: a credential is a [`CredentialSource`] instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The text, never empty.
    pub value: String,
    /// The option or variable it comes from, or the line of the project file.
    pub source: String,
    /// Whether it is from a project file that the user did not name.
    pub discovered: bool,
}

/// A credential, or where to find it.
#[derive(Debug)]
pub enum CredentialSource {
    /// The value of a variable or option.
    Value {
        /// The value, white space included.
        secret: Secret,
        /// The name of the variable or option.
        source: String,
    },
    /// The path of a file.
    File(Setting),
}

impl CredentialSource {
    /// The option or variable it comes from.
    pub fn source(&self) -> &str {
        match self {
            Self::Value { source, .. } | Self::File(Setting { source, .. }) => source,
        }
    }
}

/// A type that a setting can become.
pub(super) trait FromSetting: Sized {
    /// # Errors
    /// [`Error::Invalid`]
    fn from_setting(setting: Setting) -> Result<Self, Error>;
}

impl Setting {
    pub(super) fn new(value: &str, source: &str) -> Self {
        Self { value: value.to_owned(), source: source.to_owned(), discovered: false }
    }

    /// The error for a value that may be shown.
    pub(super) fn invalid(self, expected: &'static str) -> Error {
        Error::Invalid { source: self.source, value: Some(self.value), expected }
    }

    /// The error for a value that may be a secret.
    pub(super) fn invalid_unshown(self, expected: &'static str) -> Error {
        Error::Invalid { source: self.source, value: None, expected }
    }

    /// The value that belongs to the word; `expected` lists the words.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is another word.
    pub(super) fn one_of<T: Copy>(self, expected: &'static str, choices: &[(&str, T)]) -> Result<T, Error> {
        let choice = choices.iter().find(|(word, _)| *word == self.value).map(|(_, value)| *value);
        choice.ok_or_else(|| self.invalid(expected))
    }
}

/// `--ca-cert: /etc/vault/ca.pem`
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.value)
    }
}

impl FromSetting for Setting {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        Ok(setting)
    }
}

impl FromSetting for String {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        Ok(setting.value)
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it, and so Vault's own client. No error shows the value, since some flags
/// are named after a secret.
impl FromSetting for bool {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        match setting.value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(setting.invalid_unshown("true, t, 1, false, f or 0")),
        }
    }
}

/// For the settings that are options as well, and so not as secret.
impl FromSetting for CredentialSource {
    fn from_setting(Setting { value, source, .. }: Setting) -> Result<Self, Error> {
        Ok(Self::Value { secret: Secret::new(value.into_bytes()), source })
    }
}

impl FromSetting for OutputFormat {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        setting.one_of("text or json", &[("text", Self::Text), ("json", Self::Json)])
    }
}

impl FromSetting for NonZeroU32 {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        setting.value.parse().map_err(|_| setting.invalid("a number from 1"))
    }
}

/// `1m30s`, `500ms`, or a number of seconds; from 1 ms to 365 days.
impl FromSetting for Duration {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        let seconds = setting.value.parse().map(Self::from_secs);
        let duration = seconds.or_else(|_| humantime::parse_duration(&setting.value)).ok();
        let sensible = Self::from_millis(1)..=Self::from_hours(365 * 24);
        let duration = duration.filter(|duration| sensible.contains(duration));
        duration.ok_or_else(|| setting.invalid("a duration such as 60s, 1m30s or 500ms"))
    }
}
