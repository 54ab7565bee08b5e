//! [pure] How to get in.

use crate::args::Args;
use crate::config::Error;
use crate::config::given::{Given, Setting};
use crate::secret::Secret;

/// What proves to the server who is asking.
#[derive(Debug)]
pub enum Credential {
    /// A token that somebody else obtained.
    Token {
        /// The token itself and the variable that held it.
        given: Option<(Secret, String)>,
        /// The file that holds it.
        file: Option<Setting>,
        /// Where the Vault CLI leaves it: `~/.vault-token`.
        home: Option<String>,
    },
}

impl Credential {
    /// Finds the credential among the settings. Files are not opened.
    ///
    /// # Errors
    /// When a variable is not UTF-8.
    pub(super) fn resolve(args: &Args, given: Given) -> Result<Self, Error> {
        let token = given.shared("TOKEN")?;
        let file = match given.one(args.token_file.as_deref(), "--token-file", &[])? {
            Some(file) => Some(file),
            None => match given.variable("BAO_TOKEN_PATH")? {
                Some(file) => Some(file),
                None => given.shared("TOKEN_FILE")?,
            },
        };
        Ok(Self::Token {
            given: token.map(|Setting { value, from }| (Secret::new(value.into_bytes()), from)),
            file,
            home: given.variable("HOME")?.map(|home| format!("{}/.vault-token", home.value.trim_end_matches('/'))),
        })
    }
}
