//! `[pure]` A credential, or where to find it.

use super::error::Error;
use super::setting::{FromSetting, Setting};
use crate::secret::Secret;

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

impl FromSetting for CredentialSource {
    fn from_setting(Setting { value, source }: Setting) -> Result<Self, Error> {
        Ok(Self::Value { secret: Secret::new(value.into_bytes()), source })
    }
}
