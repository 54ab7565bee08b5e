//! `[os]` Discovers and reads the project file, and changes the trust in it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Error, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::{ProjectFile, ProjectSettings, TrustChange};
use crate::credential_file;
use crate::deadline::Deadline;
use crate::env_block::InheritedEnv;
use crate::error::CliError;
use crate::escape::escape_line;
use crate::log;
use crate::project_trust::{DiscoveredFile, TrustStatus, TrustStore};

/// The name of the file.
pub const NAME: &str = ".vault-exec.toml";

/// Reads the project file, if there is one.
///
/// # Errors
/// If it cannot be read or parsed, or if it was discovered and the user does not trust it.
pub fn read(choice: ProjectFile, inherited: &InheritedEnv, deadline: Deadline) -> anyhow::Result<ProjectSettings> {
    match choice {
        ProjectFile::None => Ok(ProjectSettings::default()),
        ProjectFile::Named(setting) => {
            let text = credential_file::open_file(&setting.value).and_then(|file| read_text(file, deadline));
            let text = text.map_err(|error| unreadable(&setting.value, &error));
            parse(&text.with_context(|| setting.source.clone())?, &setting.value, false)
        }
        ProjectFile::Nearest => {
            let Some((path, file)) = discover(inherited)? else { return Ok(ProjectSettings::default()) };
            let file = read_discovered(path, file, deadline)?;
            require_trust(&file, inherited)?;
            parse(&file.text, &file.path.display().to_string(), true)
        }
    }
}

/// Runs `--trust`, which prints the settings of the nearest file, or `--untrust`, and prints what was done.
///
/// # Errors
/// If there is no file, it cannot be parsed, or the trust cannot be recorded.
pub fn change_trust(change: TrustChange, inherited: &InheritedEnv, deadline: Deadline) -> anyhow::Result<()> {
    let store = trust_store(inherited)?;
    let Some((path, file)) = discover(inherited)? else {
        return Err(CliError::new(format!("no {NAME} in the working directory or above it"))
            .hint("run it in the directory of the file")
            .into());
    };
    let name = path.display().to_string();
    let shown = escape_line(&name);
    let outcome = match change {
        TrustChange::Remove if store.remove(&path)? => "is no longer trusted",
        TrustChange::Remove => "was not trusted",
        TrustChange::Add => {
            let file = read_discovered(path, file, deadline)?;
            let settings = parse(&file.text, &name, true)?;
            log::write_stdout(&format!("{shown} sets\n{settings}"))?;
            store.add(&file)?;
            "is trusted until it changes; vault-exec --untrust takes that back"
        }
    };
    Ok(log::write_stdout(&format!("{shown} {outcome}\n"))?)
}

fn parse(text: &str, name: &str, discovered: bool) -> anyhow::Result<ProjectSettings> {
    Ok(ProjectSettings::parse(text, name, discovered).map_err(CliError::from)?)
}

fn require_trust(file: &DiscoveredFile, inherited: &InheritedEnv) -> Result<(), CliError> {
    let reason = match trust_store(inherited).and_then(|store| store.status(file)) {
        Ok(TrustStatus::Trusted) => return Ok(()),
        Ok(TrustStatus::Changed) => "changed since it was trusted".into(),
        Ok(TrustStatus::Unknown) => "not trusted".into(),
        Err(error) => format!("not trusted: {error}"),
    };
    Err(CliError::new(format!("{}: {reason}", file.path.display())).hint(
        "vault-exec --trust shows what it sets and trusts it; --config FILE names a file that needs no trust, --no-config \
         reads none",
    ))
}

fn trust_store(inherited: &InheritedEnv) -> Result<TrustStore, CliError> {
    TrustStore::new(directory(inherited, "XDG_STATE_HOME"), directory(inherited, "HOME"))
}

fn directory<'a>(inherited: &'a InheritedEnv, variable: &str) -> Option<&'a Path> {
    inherited.get(variable).map(|path| Path::new(OsStr::from_bytes(path)))
}

/// Searches the working directory and its parents, up to `HOME` or the root of the file system.
fn discover(inherited: &InheritedEnv) -> anyhow::Result<Option<(PathBuf, File)>> {
    // A working directory that was removed contains no file.
    let Ok(start) = std::env::current_dir() else { return Ok(None) };
    let device = |directory: &Path| fs::metadata(directory).map(|metadata| metadata.dev()).ok();
    let start_device = device(&start);
    // The path of the working directory has no symbolic links; that of the home may have some.
    let home = directory(inherited, "HOME");
    let home = home.map(|home| fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()));
    for directory in start.ancestors().take_while(|directory| device(directory) == start_device) {
        let path = directory.join(NAME);
        match credential_file::open_file(&path) {
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

fn read_discovered(path: PathBuf, file: File, deadline: Deadline) -> Result<DiscoveredFile, CliError> {
    let text = match file.metadata() {
        Ok(metadata) if !metadata.is_file() => Err(Error::other("not a regular file")),
        Ok(_) => read_text(file, deadline),
        Err(error) => Err(error),
    };
    match text {
        Ok(text) => Ok(DiscoveredFile { path, text }),
        Err(error) => Err(unreadable(&path.display().to_string(), &error)),
    }
}

fn read_text(file: File, deadline: Deadline) -> Result<String, Error> {
    io::read_to_string(credential_file::read_open_file(file, deadline)?.expose())
}

fn unreadable(path: &str, error: &Error) -> CliError {
    CliError::file_error(path, error).with_hint_if_none(
        "it must exist and be readable UTF-8 text; --config names another file, --no-config reads none",
    )
}
