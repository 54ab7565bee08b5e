//! `[os]` Discovers and reads the project file.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::libc::O_NONBLOCK;
use nix::unistd::geteuid;

use crate::config::{ProjectFile, ProjectSettings};
use crate::credential_file;
use crate::deadline::Deadline;
use crate::error::CliError;

/// The name of the file.
pub const NAME: &str = ".vault-exec.toml";

/// The limit for its size.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the project file, if there is one. `home` is the last directory to search.
///
/// # Errors
/// If it cannot be read or parsed, or if it was discovered and another user could have written it.
pub fn read(project_file: ProjectFile, home: Option<&Path>, deadline: Deadline) -> anyhow::Result<ProjectSettings> {
    match project_file {
        ProjectFile::None => Ok(ProjectSettings::default()),
        ProjectFile::Named(setting) => {
            let bytes = credential_file::read_file(&setting.value, deadline);
            let text = bytes.and_then(|bytes| std::io::read_to_string(bytes.expose()));
            let text =
                text.map_err(|error| unreadable(&setting.value, &error)).with_context(|| setting.source.clone())?;
            parse(&text, &setting.value, false)
        }
        ProjectFile::Nearest => {
            let Some((path, file)) = discover(home)? else { return Ok(ProjectSettings::default()) };
            let path = path.display().to_string();
            require_trusted_owner(&file, &path)?;
            parse(&read_limited(file).map_err(|error| unreadable(&path, &error))?, &path, true)
        }
    }
}

fn parse(text: &str, name: &str, discovered: bool) -> anyhow::Result<ProjectSettings> {
    Ok(ProjectSettings::parse(text, name, discovered).map_err(CliError::from)?)
}

/// Searches the working directory and its parents, up to `home` or the root of the file system.
fn discover(home: Option<&Path>) -> anyhow::Result<Option<(PathBuf, File)>> {
    // A working directory that was removed contains no file.
    let Ok(start) = std::env::current_dir() else { return Ok(None) };
    let device = |directory: &Path| fs::metadata(directory).map(|metadata| metadata.dev()).ok();
    let start_device = device(&start);
    // The path of the working directory has no symbolic links; that of the home may have some.
    let home = home.map(|home| fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()));
    for directory in start.ancestors().take_while(|directory| device(directory) == start_device) {
        let path = directory.join(NAME);
        // Without O_NONBLOCK, a named pipe would block.
        match OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(&path) {
            Ok(file) => return Ok(Some((path, file))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // A directory without search permission counts as empty: a container may start in that of root.
            Err(_) if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(unreadable(&path.display().to_string(), &error).into()),
        }
        if home.as_deref() == Some(directory) {
            break;
        }
    }
    Ok(None)
}

/// Only this user and root may have written the file.
fn require_trusted_owner(file: &File, path: &str) -> Result<(), CliError> {
    let (reason, hint) = match file.metadata() {
        Ok(metadata) if !metadata.is_file() => ("not a regular file", "remove it"),
        Ok(metadata) if metadata.uid() != 0 && metadata.uid() != geteuid().as_raw() => {
            ("owned by another user", "chown it")
        }
        Ok(metadata) if metadata.mode() & 0o022 != 0 => ("writable by other users", "chmod go-w it"),
        Ok(_) => return Ok(()),
        Err(_) => ("cannot be inspected", "check its directory"),
    };
    Err(CliError::new(format!("{path}: {reason}")).hint(format!("{hint}, or name it with --config if you trust it")))
}

fn read_limited(file: File) -> Result<String, Error> {
    let mut text = String::new();
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if length as u64 > MAX_BYTES {
        return Err(Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

fn unreadable(path: &str, error: &Error) -> CliError {
    CliError::file_error(path, error).with_hint_if_none(
        "it must exist and be readable UTF-8 text; --config names another file, --no-config reads none",
    )
}
