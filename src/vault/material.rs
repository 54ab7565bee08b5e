//! `[net]` Credentials and certificates, from wherever they are kept.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};

use anyhow::Context;
use nix::errno::Errno;

use crate::config::{Material, Setting};
use crate::failure::Failure;
use crate::secret::Secret;

/// Far more than any credential has, and little enough for a mistaken file.
const LARGEST: u64 = 1024 * 1024;

/// The credential itself, without the white space that editors and `echo` leave around it.
///
/// # Errors
/// When it cannot be read, is empty, or was damaged on its way. Nothing has been sent then.
pub(super) fn credential(material: &Material) -> anyhow::Result<Secret> {
    match material {
        Material::Value { secret, .. } => checked(secret, &source(material)),
        Material::File(file) => checked(&read(file)?, &source(material)),
    }
}

/// Where the credential comes from: `VAULT_TOKEN` or `--token-file: /run/token`.
pub(super) fn source(material: &Material) -> String {
    match material {
        Material::Value { from, .. } => from.clone(),
        Material::File(Setting { value, from }) => format!("{from}: {value}"),
    }
}

pub(super) fn checked(secret: &Secret, from: &str) -> anyhow::Result<Secret> {
    let bytes = secret.expose().trim_ascii();
    let damaged = "it was damaged on its way: write it anew, on one line";
    let (fault, hint) = match str::from_utf8(bytes) {
        Ok("") => ("it is empty", "write the credential into it, or choose another one"),
        Ok(text) if text.chars().any(char::is_control) => ("it holds an unprintable character", damaged),
        Ok(_) => return Ok(Secret::new(bytes.to_vec())),
        Err(_) => ("it is not UTF-8", damaged),
    };
    Err(Failure::new(format!("{from}: {fault}")).hint(hint).into())
}

/// A whole file that a setting names.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(Setting { value, from }: &Setting) -> anyhow::Result<Secret> {
    read_file(value).map_err(|error| unreadable(value, &error)).with_context(|| from.clone())
}

/// A file that the user vault-exec runs as cannot read.
pub(super) fn unreadable(path: &str, error: &io::Error) -> Failure {
    let why = match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    };
    Failure::new(format!("{path}: {why}"))
        .hint("check that it is there, and that the user vault-exec runs as may read it")
}

/// A whole file, if it is small.
///
/// # Errors
/// As the kernel says, or when it is too large.
pub(super) fn read_file(path: &str) -> io::Result<Secret> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let secret = Secret::new(bytes);
    match read? {
        length if length as u64 > LARGEST => Err(io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB")),
        _ => Ok(secret),
    }
}
