//! `[os]` Credentials, certificates and project files, read from the variable or file that holds them.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use nix::libc::O_NONBLOCK;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::config::{CredentialSource, Setting};
use crate::deadline::Deadline;
use crate::error::CliError;
use crate::secret::Secret;

/// Bytes of a value that may be shown although no file has this name: fewer than Base64 of the shortest private key.
const MAX_SHOWN_NAME: usize = 50;

/// Far more than a credential or a certificate store has.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads a credential and trims the white space that editors and `echo` leave around it.
///
/// # Errors
/// If it cannot be read, or see [`trim`].
pub(crate) fn read_credential(source: &CredentialSource, deadline: Deadline) -> anyhow::Result<Secret> {
    match source {
        CredentialSource::Value { secret, .. } => trim(secret, &describe(source)),
        CredentialSource::File(file) => trim(&read_private(file, deadline)?, &describe(source)),
    }
}

/// `VAULT_TOKEN`, or `--token-file: /run/token`. A value that names no file may be the credential itself and is left out.
pub(crate) fn describe(source: &CredentialSource) -> String {
    match source {
        CredentialSource::File(file) if is_path(&file.value) => file.to_string(),
        _ => source.source().to_owned(),
    }
}

/// Trims a credential.
///
/// # Errors
/// If it is empty, not UTF-8, or has a control character inside.
pub(crate) fn trim(secret: &Secret, source: &str) -> anyhow::Result<Secret> {
    let bytes = secret.expose().trim_ascii();
    let damaged = "probably corrupted on its way: write it again, on one line";
    let (reason, hint) = match str::from_utf8(bytes) {
        Ok("") => ("empty", "set the credential, or use another source"),
        Ok(text) if text.chars().any(char::is_control) => ("unprintable character", damaged),
        Ok(_) => return Ok(Secret::new(bytes.to_vec())),
        Err(_) => ("invalid UTF-8", damaged),
    };
    Err(CliError::new(format!("{source}: {reason}")).hint(hint).into())
}

/// Reads the file that a setting names, whose content is public.
///
/// # Errors
/// See [`read_file`].
pub(crate) fn read_public(Setting { value, source, .. }: &Setting, deadline: Deadline) -> anyhow::Result<Vec<u8>> {
    read_public_file(value, deadline).map_err(|error| unreadable(value, &error)).with_context(|| source.clone())
}

/// Opens and reads a file whose content is public.
///
/// # Errors
/// See [`read_open_file`].
pub(crate) fn read_public_file(path: &str, deadline: Deadline) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_into(&mut bytes, open_file(path)?, deadline)?;
    Ok(bytes)
}

/// The same, with the file if it can be read again.
///
/// # Errors
/// See [`read_open_file`].
pub(crate) fn read_and_keep(path: &str, deadline: Deadline) -> io::Result<(Vec<u8>, Option<File>)> {
    let mut bytes = Vec::new();
    let file = read_into(&mut bytes, open_file(path)?, deadline)?;
    let is_regular = file.metadata()?.is_file();
    Ok((bytes, is_regular.then_some(file)))
}

/// Reads the file that a setting names. Users mistake such settings for the secret itself, which may begin with a `/`, so a
/// value that leads through no directory that exists is left out of the message.
///
/// # Errors
/// See [`read_file`].
pub(crate) fn read_private(Setting { value, source, .. }: &Setting, deadline: Deadline) -> anyhow::Result<Secret> {
    let explain = |error| if is_missing(&error) && !is_path(value) { not_a_file() } else { unreadable(value, &error) };
    read_file(value, deadline).map_err(explain).with_context(|| source.clone())
}

/// The error for a file that could not be read. A value that is longer than a name, and names no file, may be a key.
pub(crate) fn unreadable(path: &str, error: &io::Error) -> CliError {
    if is_missing(error) && !is_path(path) && (path.len() > MAX_SHOWN_NAME || path.contains(char::is_control)) {
        return not_a_file();
    }
    CliError::file_error(path, error).hint("check that it exists and that the user of vault-exec can read it")
}

/// The error if the deadline ends before everything is read.
pub(crate) fn timed_out() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "no data in time (--timeout)")
}

fn not_a_file() -> CliError {
    CliError::new("the value must be the name of a file, and no such file exists")
        .hint("check the name, which is not shown because it may be the secret itself")
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

/// Whether a value names a file, or at least a directory on the way to one other than the root.
fn is_path(value: &str) -> bool {
    let mut directories = Path::new(value).ancestors().skip(1).filter(|directory| directory.parent().is_some());
    !value.contains(char::is_control) && (Path::new(value).exists() || directories.any(Path::is_dir))
}

/// Opens a file for [`read_open_file`]; a named pipe also if nothing writes to it yet.
pub(crate) fn open_file(path: impl AsRef<Path>) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)
}

/// Opens and reads a file.
///
/// # Errors
/// See [`read_open_file`].
pub(crate) fn read_file(path: &str, deadline: Deadline) -> io::Result<Secret> {
    read_open_file(open_file(path)?, deadline)
}

/// Reads a file of at most [`MAX_FILE_BYTES`], or a pipe until its writer closes it.
///
/// # Errors
/// The kernel's, [`ErrorKind::FileTooLarge`], or [`ErrorKind::TimedOut`] if the deadline ends before a pipe is closed.
pub(crate) fn read_open_file(file: File, deadline: Deadline) -> io::Result<Secret> {
    let mut bytes = Vec::new();
    let read = read_into(&mut bytes, file, deadline);
    let secret = Secret::new(bytes);
    read.map(|_| secret)
}

fn read_into(bytes: &mut Vec<u8>, file: File, deadline: Deadline) -> io::Result<File> {
    let size = file.metadata().map_or(0, |metadata| metadata.len().min(MAX_FILE_BYTES));
    // One more, to see its end.
    bytes.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
    let mut file = file.take(MAX_FILE_BYTES + 1);
    loop {
        let wait = PollTimeout::try_from(deadline.remaining()).unwrap_or(PollTimeout::MAX);
        if poll(&mut [PollFd::new(file.get_ref().as_fd(), PollFlags::POLLIN)], wait)? == 0 {
            return Err(timed_out());
        }
        let read = file.read_to_end(bytes);
        if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            continue;
        }
        read?;
        return if bytes.len() as u64 > MAX_FILE_BYTES {
            Err(io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"))
        } else {
            Ok(file.into_inner())
        };
    }
}
