//! `[os]` Finds the project file, if there is one to trust.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::libc::O_NONBLOCK;
use nix::unistd::geteuid;

use crate::config::{ProjectFile, ProjectSettings};
use crate::error::CliError;

/// What it is called.
pub const NAME: &str = ".vault-exec.toml";

/// Far more than anybody writes by hand.
const LARGEST: u64 = 1024 * 1024;

/// Reads the project file that is meant; nothing where there is none. `home` is the last directory that is looked at.
///
/// # Errors
/// When it cannot be read, others could have written it, or what it says means nothing.
pub fn read(which: ProjectFile, home: Option<&Path>) -> anyhow::Result<ProjectSettings> {
    match which {
        ProjectFile::Nothing => Ok(ProjectSettings::default()),
        ProjectFile::Named(setting) => {
            let text = File::open(&setting.value).and_then(text);
            let text =
                text.map_err(|error| unreadable(&setting.value, &error)).with_context(|| setting.source.clone())?;
            parse(&text, &setting.value, false)
        }
        ProjectFile::Nearest => match nearest(home)? {
            None => Ok(ProjectSettings::default()),
            Some((path, file)) => {
                let shown = path.display().to_string();
                trust(&file).with_context(|| shown.clone())?;
                parse(&text(file).map_err(|error| unreadable(&shown, &error))?, &shown, true)
            }
        },
    }
}

fn parse(text: &str, name: &str, found: bool) -> anyhow::Result<ProjectSettings> {
    Ok(ProjectSettings::parse(text, name, found).map_err(CliError::from)?)
}

/// Looks in the working directory and those above it, up to the home or the border of the file system.
fn nearest(home: Option<&Path>) -> anyhow::Result<Option<(PathBuf, File)>> {
    // A working directory that is gone has no file either.
    let Ok(start) = std::env::current_dir() else { return Ok(None) };
    let device = |directory: &Path| fs::metadata(directory).map(|metadata| metadata.dev()).ok();
    let border = device(&start);
    // The working directory has no links in its name, a home may.
    let home = home.map(|home| fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()));
    for directory in start.ancestors().take_while(|directory| device(directory) == border) {
        let path = directory.join(NAME);
        // A pipe in its place must not make us wait.
        match OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(&path) {
            Ok(file) => return Ok(Some((path, file))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // Nor has a directory that we may not enter, such as that of root, in which a container may start.
            Err(_) if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(unreadable(&path.display().to_string(), &error).into()),
        }
        if home.as_deref() == Some(directory) {
            break;
        }
    }
    Ok(None)
}

/// Only we and root may have written it.
fn trust(file: &File) -> Result<(), CliError> {
    let refuse = |why, hint| Err(CliError::new(why).hint(format!("{hint}, or name it with --config if you trust it")));
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => refuse("it is no file", "make it one"),
        Ok(metadata) if metadata.uid() != 0 && metadata.uid() != geteuid().as_raw() => {
            refuse("it belongs to somebody else", "chown it")
        }
        Ok(metadata) if metadata.mode() & 0o022 != 0 => refuse("others may write to it", "chmod go-w it"),
        Ok(_) => Ok(()),
        Err(_) => refuse("it cannot be looked at", "check its directory"),
    }
}

fn text(file: File) -> Result<String, Error> {
    let mut text = String::new();
    let length = file.take(LARGEST + 1).read_to_string(&mut text)?;
    if length as u64 > LARGEST {
        return Err(Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

fn unreadable(path: &str, error: &Error) -> CliError {
    CliError::file_error(path, error)
        .with_hint_if_none("it must be there and readable text; --config names another file, --no-config does without")
}
