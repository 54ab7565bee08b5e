//! `[net]` Credentials and certificates, from wherever they are kept.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use nix::errno::Errno;
use nix::libc::O_NONBLOCK;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::config::{CredentialSource, Setting};
use crate::error::CliError;
use crate::retry::RetryPolicy;
use crate::secret::Secret;

/// Far more than any credential has, and little enough for a mistaken file.
const LARGEST: u64 = 1024 * 1024;

/// The credential itself, without the white space that editors and `echo` leave around it.
///
/// # Errors
/// When it cannot be read, is empty, or was damaged on its way. Nothing has been sent then.
pub(crate) fn credential(material: &CredentialSource, deadline: &RetryPolicy) -> anyhow::Result<Secret> {
    match material {
        CredentialSource::Value { secret, .. } => checked(secret, &source(material)),
        CredentialSource::File(file) => checked(&read_private(file, deadline)?, &source(material)),
    }
}

/// Where the credential comes from: `VAULT_TOKEN` or `--token-file: /run/token`.
pub(crate) fn source(material: &CredentialSource) -> String {
    match material {
        CredentialSource::Value { source, .. } => source.clone(),
        CredentialSource::File(file) => file.to_string(),
    }
}

pub(crate) fn checked(secret: &Secret, source: &str) -> anyhow::Result<Secret> {
    let bytes = secret.expose().trim_ascii();
    let damaged = "it was damaged on its way: write it anew, on one line";
    let (fault, hint) = match str::from_utf8(bytes) {
        Ok("") => ("it is empty", "write the credential into it, or choose another one"),
        Ok(text) if text.chars().any(char::is_control) => ("it holds an unprintable character", damaged),
        Ok(_) => return Ok(Secret::new(bytes.to_vec())),
        Err(_) => ("it is not UTF-8", damaged),
    };
    Err(CliError::new(format!("{source}: {fault}")).hint(hint).into())
}

/// A whole file that a setting names.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(Setting { value, source }: &Setting, deadline: &RetryPolicy) -> anyhow::Result<Secret> {
    read_file(value, deadline).map_err(|error| unreadable(value, &error)).with_context(|| source.clone())
}

/// A whole file that holds a secret. What names no file may be the secret itself, given where its file is wanted.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_private(Setting { value, source }: &Setting, deadline: &RetryPolicy) -> anyhow::Result<Secret> {
    let is_place = ["/", "./", "../"].iter().any(|start| value.starts_with(start));
    let failure = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename if !is_place => {
            CliError::new("it wants the name of a file, and there is none of this name")
                .hint("check the name, which is not repeated here: it may be the secret itself")
        }
        _ => unreadable(value, &error),
    };
    read_file(value, deadline).map_err(failure).with_context(|| source.clone())
}

/// A file that the user vault-exec runs as cannot read.
pub(crate) fn unreadable(path: &str, error: &io::Error) -> CliError {
    CliError::file_error(path, error)
        .with_hint_if_none("check that it is there, and that the user vault-exec runs as may read it")
}

/// What the kernel says went wrong, in the words of Rust where it has any, else in those of the C library.
pub(crate) fn why(error: &io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        // Only a socket is a file that may be missing.
        return "no such socket".into();
    }
    let kind = error.kind().to_string();
    match error.raw_os_error() {
        Some(code)
            if matches!(kind.as_str(), "uncategorized error" | "operation would block" | "invalid input parameter") =>
        {
            Errno::from_raw(code).desc().to_lowercase()
        }
        _ => kind,
    }
}

/// A whole file, if it is small. A pipe is waited for as long as the deadline allows.
///
/// # Errors
/// As the kernel says, when it is too large, or when nobody wrote to the pipe in time.
pub(crate) fn read_file(path: &str, deadline: &RetryPolicy) -> io::Result<Secret> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let size = file.metadata().map_or(0, |about| about.len().min(LARGEST));
    // One more, to see its end.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    let mut file = file.take(LARGEST + 1);
    loop {
        let wait = PollTimeout::try_from(deadline.left()).unwrap_or(PollTimeout::MAX);
        if poll(&mut [PollFd::new(file.get_ref().as_fd(), PollFlags::POLLIN)], wait)? == 0 {
            return Err(io::Error::new(ErrorKind::TimedOut, "nobody wrote to it in time (--timeout)"));
        }
        let read = file.read_to_end(&mut bytes);
        if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            continue;
        }
        let secret = Secret::new(bytes);
        read?;
        return if secret.expose().len() as u64 > LARGEST {
            Err(io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"))
        } else {
            Ok(secret)
        };
    }
}
