//! `[os]` The files of `--file`: sealed in-memory files that the program inherits, or files in the tmpfs of `--file-dir`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{self, Path, PathBuf};

use anyhow::Context;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::O_NOFOLLOW;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use crate::env_name::EnvName;
use crate::error::{CliError, Mode};
use crate::secret::Secret;

/// The lowest descriptor of an in-memory file. Scripts use low ones for their redirections (`exec 3<file`).
const MIN_FD: i32 = 64;

/// The files made so far. Those in a directory are removed on drop, which happens only if the program does not start.
#[derive(Debug)]
pub struct SecretFiles {
    directory: Option<PathBuf>,
    mode: Option<u32>,
    /// Whether files in a directory are only checked, not written.
    dry_run: bool,
    written: Vec<PathBuf>,
}

impl SecretFiles {
    /// Files in `directory`, or in memory without one. `mode` is their permissions, by default 0600 and 0400.
    #[must_use]
    pub fn new(directory: Option<&str>, mode: Option<u32>, run: Mode) -> Self {
        Self { directory: directory.map(PathBuf::from), mode, dry_run: run == Mode::Check, written: Vec::new() }
    }

    /// Creates a file with the value and returns the path that the program opens it by.
    ///
    /// # Errors
    /// If the file cannot be created or already exists, or the directory is not on tmpfs.
    pub fn create(&mut self, name: &EnvName, value: &Secret) -> anyhow::Result<Secret> {
        match &self.directory {
            None => {
                let path = create_memfd(name, value, self.mode.unwrap_or(0o400))
                    .map_err(|error| write_error("in-memory file", &error))?;
                require_proc(&path)?;
                Ok(Secret::new(path.into_bytes()))
            }
            Some(directory) => {
                require_tmpfs(directory)?;
                // The program may change its working directory before it opens the file.
                let path = path::absolute(directory.join(name.as_str())).context("find the working directory")?;
                if self.dry_run {
                    access(directory, AccessFlags::W_OK | AccessFlags::X_OK)
                        .map_err(|errno| path_error(&path, &errno.into()))?;
                    require_absent(&path)?;
                } else {
                    write(&path, value, self.mode.unwrap_or(0o600)).map_err(|error| path_error(&path, &error))?;
                    self.written.push(path.clone());
                }
                Ok(Secret::new(path.into_os_string().into_encoded_bytes()))
            }
        }
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        for path in &self.written {
            // The file may already be gone.
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates a sealed file that the program inherits, and returns its path, such as `/proc/self/fd/64`. Each `open` of that
/// path has an offset of its own, see `memfd_create(2)`.
fn create_memfd(name: &EnvName, value: &Secret, mode: u32) -> io::Result<String> {
    let mut file = File::from(memfd_create(name.as_str(), MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.write_all(value.expose())?;
    file.rewind()?;
    file.set_permissions(Permissions::from_mode(mode))?;
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(format!("/proc/self/fd/{}", dup_inheritable(&file)?))
}

/// Without `/proc`, the program could not open an in-memory file.
fn require_proc(path: &str) -> Result<(), CliError> {
    match Path::new(path).symlink_metadata() {
        Ok(_) => Ok(()),
        Err(_) => Err(CliError::new("/proc is not mounted, and in-memory files are opened through it")
            .hint("mount /proc, or name a --file-dir on tmpfs")),
    }
}

/// The error of creating `file`, with the hint for a full file system or a size limit.
fn write_error(file: &str, error: &io::Error) -> CliError {
    let failed = CliError::file_error(file, error);
    match error.kind() {
        io::ErrorKind::FileTooLarge => failed.hint("raise the limit on file sizes (ulimit -f)"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => {
            failed.hint("free some memory: the file takes as much as the value is long")
        }
        _ => failed,
    }
}

/// Duplicates without close-on-exec, at the lowest free number if the limit is below [`MIN_FD`].
fn dup_inheritable(file: &File) -> nix::Result<i32> {
    fcntl(file, FcntlArg::F_DUPFD(MIN_FD)).or_else(|_| fcntl(file, FcntlArg::F_DUPFD(0)))
}

/// Secrets are never written to a disk.
fn require_tmpfs(directory: &Path) -> Result<(), CliError> {
    let failed = |why: &str| {
        CliError::new(format!("{}: {why}", directory.display()))
            .hint("name a directory on tmpfs, for example in /dev/shm")
    };
    match statfs(directory) {
        Ok(_) if !directory.is_dir() => Err(failed(Errno::ENOTDIR.desc())),
        Ok(system) if system.filesystem_type() == TMPFS_MAGIC => Ok(()),
        Ok(_) => Err(failed("not on tmpfs")),
        Err(errno) => Err(failed(errno.desc())),
    }
}

fn require_absent(path: &Path) -> Result<(), CliError> {
    match path.symlink_metadata() {
        Ok(_) => Err(path_error(path, &Errno::EEXIST.into())),
        Err(_) => Ok(()),
    }
}

fn write(path: &Path, value: &Secret, mode: u32) -> io::Result<()> {
    // Not readable by others before it has its final mode.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(path)?;
    let written = file.write_all(value.expose()).and_then(|()| file.set_permissions(Permissions::from_mode(mode)));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn path_error(path: &Path, error: &io::Error) -> CliError {
    let failed = write_error(&path.display().to_string(), error);
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            failed.with_hint_if_none("existing files are not overwritten: remove it, or name another --file-dir")
        }
        _ => failed.with_hint_if_none("the user of vault-exec must have write permission there"),
    }
}
