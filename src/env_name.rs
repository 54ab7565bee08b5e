//! `[pure]` Names of environment variables, and how a key becomes one.

use std::borrow::Borrow;
use std::fmt;

use crate::dangerous::{self, Danger};
use crate::escape::truncate;

/// The name of a variable: not empty, without `=` and NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// Why a text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// The first byte is a digit.
    StartsWithDigit,
    /// A byte is `=` or NUL or, in a portable name, outside `[A-Za-z0-9_]`.
    ForbiddenCharacter,
}

/// The case of a name made from a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// `postgres_user` becomes `POSTGRES_USER`.
    #[default]
    Upper,
    /// `dbUser` becomes `dbUser`.
    Keep,
}

impl EnvName {
    /// Validates a name of the form `[A-Za-z_][A-Za-z0-9_]*`, which every shell and language accepts.
    ///
    /// # Errors
    /// [`NameError`] if it is not such a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.as_bytes() {
            [] => Err(NameError::Empty),
            [b'0'..=b'9', ..] => Err(NameError::StartsWithDigit),
            bytes if !bytes.iter().all(|&byte| is_name_byte(byte)) => Err(NameError::ForbiddenCharacter),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Validates a name that the kernel passes, such as `discovery.type`.
    ///
    /// # Errors
    /// [`NameError::Empty`] or [`NameError::ForbiddenCharacter`].
    pub fn parse_any(text: &str) -> Result<Self, NameError> {
        match text {
            "" => Err(NameError::Empty),
            _ if text.contains(['=', '\0']) => Err(NameError::ForbiddenCharacter),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Makes a name from a key: every byte outside `[A-Za-z0-9_]` becomes `_`, then `case` applies, and `prefix` is
    /// prepended unchanged.
    ///
    /// # Errors
    /// [`NameError::Empty`] or [`NameError::StartsWithDigit`]; the third only for an invalid prefix.
    pub fn from_key(key: &str, prefix: &str, case: Case) -> Result<Self, NameError> {
        let letter = |byte: u8| match (is_name_byte(byte), case) {
            (false, _) => '_',
            (true, Case::Upper) => byte.to_ascii_uppercase().into(),
            (true, Case::Keep) => byte.into(),
        };
        let mut name = String::with_capacity(prefix.len() + key.len());
        name.push_str(prefix);
        name.extend(key.bytes().map(letter));
        Self::parse(&name)
    }

    /// Whether every shell and language accepts the name, see [`EnvName::parse`].
    pub fn is_portable(&self) -> bool {
        Self::parse(&self.0).is_ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Why a key must not set a variable of this name, see [`dangerous`]; `discovered` if a project file that the user did
    /// not name chose the secret or the name.
    pub fn danger(&self, discovered: bool) -> Option<Danger> {
        if discovered { dangerous::classify_discovered(&self.0) } else { dangerous::classify(&self.0) }
    }
}

/// Maps with names as keys can be searched by text.
impl Borrow<str> for EnvName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// For messages: a long name is shortened, since those who write secrets control its length.
impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&truncate(&self.0))
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty name",
            Self::StartsWithDigit => "a name that starts with a digit",
            Self::ForbiddenCharacter => "a name with a character outside A-Z, a-z, 0-9 and _",
        })
    }
}

/// Whether a byte can be part of a portable name.
pub const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(key: &str) -> Result<String, NameError> {
        EnvName::from_key(key, "", Case::Upper).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn keys_become_names() {
        assert_eq!(upper("postgres_password").unwrap(), "POSTGRES_PASSWORD");
        assert_eq!(upper("foo-bar.baz qux").unwrap(), "FOO_BAR_BAZ_QUX");
        assert_eq!(upper("é").unwrap(), "__", "bytes, not characters");
        assert_eq!(upper("_1").unwrap(), "_1");
    }

    #[test]
    fn the_case_can_be_kept_and_a_prefix_is_prepended_as_written() {
        assert_eq!(EnvName::from_key("dbUser", "App_", Case::Keep).unwrap().as_str(), "App_dbUser");
        assert_eq!(EnvName::from_key("dbUser", "app_", Case::Upper).unwrap().as_str(), "app_DBUSER");
        assert_eq!(EnvName::from_key("1st", "N", Case::Upper).unwrap().as_str(), "N1ST");
    }

    #[test]
    fn invalid_names_are_errors() {
        assert_eq!(upper(""), Err(NameError::Empty));
        assert_eq!(upper("1st"), Err(NameError::StartsWithDigit));
        assert_eq!(EnvName::parse("A-B"), Err(NameError::ForbiddenCharacter));
        assert_eq!(EnvName::parse("A=B"), Err(NameError::ForbiddenCharacter));
    }

    #[test]
    fn any_other_name_has_no_equals_sign_and_no_nul() {
        for name in ["discovery.type", "1", "a b", "BASH_FUNC_x%%", "é"] {
            assert_eq!(EnvName::parse_any(name).unwrap().as_str(), name);
        }
        for (text, error) in [
            ("", NameError::Empty),
            ("A=B", NameError::ForbiddenCharacter),
            ("=", NameError::ForbiddenCharacter),
            ("A\0", NameError::ForbiddenCharacter),
        ] {
            assert_eq!(EnvName::parse_any(text), Err(error), "{text:?}");
        }
    }
}
