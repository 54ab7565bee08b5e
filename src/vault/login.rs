//! [net] The credential, from wherever it is kept, and what it is exchanged for.

use std::fs::File;
use std::io::{ErrorKind, Read as _};

use anyhow::Context;

use crate::config::{Credential, Setting};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::story::Story;

/// Far more than any credential has, and little enough for a mistaken file.
const LARGEST: u64 = 1024 * 1024;

/// The token to read with.
///
/// # Errors
/// When there is none or it cannot be one.
pub(super) fn token(credential: &Credential, story: &Story) -> anyhow::Result<Secret> {
    let Credential::Token { given, file, home } = credential;
    if let Some((token, from)) = given {
        story.info(|| format!("token from {from}"));
        return checked(token.expose(), from);
    }
    if let Some(Setting { value, from }) = file {
        let token = read_file(value).with_context(|| format!("{from}: {value}"))?;
        story.info(|| format!("token from {value}"));
        return checked(token.expose(), value);
    }
    let Some(home) = home else { return Err(no_token("HOME is not set").into()) };
    match read_file(home) {
        Ok(token) => {
            story.info(|| format!("token from {home}"));
            checked(token.expose(), home)
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(no_token(&format!("there is no {home}")).into())
        }
        Err(error) => Err(error).with_context(|| home.clone()),
    }
}

fn no_token(home: &str) -> Failure {
    Failure::new(format!("no token: VAULT_TOKEN is not set, --token-file is not given and {home}"))
        .hint("set VAULT_TOKEN, name a --token-file, or log in with `bao login` or `vault login`")
}

/// Takes the white space off that editors and `echo` leave, and refuses what could not travel in a header.
fn checked(token: &[u8], from: &str) -> anyhow::Result<Secret> {
    let token = token.trim_ascii();
    if token.is_empty() {
        return Err(Failure::new(format!("{from}: the token is empty"))
            .hint("log in again, or write the token into it")
            .into());
    }
    if !token.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Failure::new(format!("{from}: the token holds an unprintable character"))
            .hint("it was damaged on its way: copy it again, on one line")
            .into());
    }
    Ok(Secret::new(token.to_vec()))
}

fn read_file(path: &str) -> std::io::Result<Secret> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes);
    let secret = Secret::new(bytes);
    match read? {
        length if length as u64 > LARGEST => Err(std::io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB")),
        _ => Ok(secret),
    }
}
