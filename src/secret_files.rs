//! `[os]` Values that a program wants in a file: in memory, sealed, gone with the last process that holds them. For a
//! program that closes what it inherits, in a directory that is memory, too.

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
use crate::error::CliError;
use crate::secret::Secret;

/// The lowest number a file in memory gets. Scripts use the small ones for redirections of their own (`exec 3<file`).
const LOWEST: i32 = 64;

/// The files that were made so far. Those in a directory are removed again unless the program starts.
#[derive(Debug)]
pub struct SecretFiles {
    directory: Option<PathBuf>,
    mode: Option<u32>,
    /// Whether only to find out if they could be made.
    dry: bool,
    written: Vec<PathBuf>,
}

impl SecretFiles {
    /// Files in memory, or in `directory`.
    #[must_use]
    pub fn new(directory: Option<&str>, mode: Option<u32>, dry: bool) -> Self {
        Self { directory: directory.map(PathBuf::from), mode, dry, written: Vec::new() }
    }

    /// Puts a value into a file and returns the name that the program opens it by.
    ///
    /// # Errors
    /// As the kernel says, for example when no descriptor is left; where the directory is on a disk; where there is such
    /// a file already.
    pub fn put(&mut self, name: &EnvName, value: &Secret) -> anyhow::Result<Secret> {
        match &self.directory {
            None => Ok(seal(name, value, self.mode.unwrap_or(0o400))?),
            Some(directory) => {
                in_memory(directory)?;
                // The program may go to another directory before it opens the file.
                let path = path::absolute(directory.join(name.as_str())).context("find the working directory")?;
                if self.dry {
                    writable(directory).map_err(|error| unwritable(&path, &error))?;
                    absent(&path)?;
                } else {
                    write(&path, value, self.mode.unwrap_or(0o600)).map_err(|error| unwritable(&path, &error))?;
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
            // It was ours alone; that it is gone already is as good.
            let _ = fs::remove_file(path);
        }
    }
}

/// A sealed file in memory that the program inherits: `/proc/self/fd/64`. Opened by that name it is read from its start
/// every time, see `memfd_create(2)`.
fn seal(name: &EnvName, value: &Secret, mode: u32) -> Result<Secret, CliError> {
    let failed = |error: io::Error| unstored("a file in memory", &error);
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file: File = memfd_create(name.as_str(), flags).map_err(|errno| failed(errno.into()))?.into();
    file.write_all(value.expose()).and_then(|()| file.rewind()).map_err(failed)?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| failed(errno.into()))?;
    let inherited = inherit(&file).map_err(|errno| failed(errno.into()))?;
    let name = format!("/proc/self/fd/{inherited}");
    // The program would look for it in vain.
    if Path::new(&name).symlink_metadata().is_err() {
        return Err(CliError::new("/proc is not there, and the file in memory would have its name in it")
            .hint("mount /proc, or name a --file-dir on tmpfs"));
    }
    Ok(Secret::new(name.into_bytes()))
}

/// A value that found no place.
fn unstored(place: &str, error: &io::Error) -> CliError {
    let failure = CliError::file_error(place, error);
    match error.kind() {
        io::ErrorKind::FileTooLarge => failure.hint("raise the limit on the size of files (ulimit -f)"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => {
            failure.hint("make room: it takes as much memory as the value is long")
        }
        _ => failure,
    }
}

/// A duplicate that `execve` leaves open, at a low number where the limit allows no high one.
fn inherit(file: &File) -> nix::Result<i32> {
    fcntl(file, FcntlArg::F_DUPFD(LOWEST)).or_else(|_| fcntl(file, FcntlArg::F_DUPFD(0)))
}

/// Secrets are not written to a disk.
fn in_memory(directory: &Path) -> Result<(), CliError> {
    let failure = |why: &str| {
        CliError::new(format!("{}: {why}", directory.display()))
            .hint("name a directory on tmpfs, for example in /dev/shm")
    };
    match statfs(directory) {
        Ok(_) if !directory.is_dir() => Err(failure(Errno::ENOTDIR.desc())),
        Ok(system) if system.filesystem_type() == TMPFS_MAGIC => Ok(()),
        Ok(_) => Err(failure("it is not on tmpfs")),
        Err(errno) => Err(failure(errno.desc())),
    }
}

fn writable(directory: &Path) -> io::Result<()> {
    Ok(access(directory, AccessFlags::W_OK | AccessFlags::X_OK)?)
}

fn absent(path: &Path) -> Result<(), CliError> {
    match path.symlink_metadata() {
        Ok(_) => Err(unwritable(path, &Errno::EEXIST.into())),
        Err(_) => Ok(()),
    }
}

fn write(path: &Path, value: &Secret, mode: u32) -> io::Result<()> {
    // Nobody else reads it before it has its mode.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(path)?;
    let written = file.write_all(value.expose()).and_then(|()| file.set_permissions(Permissions::from_mode(mode)));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn unwritable(path: &Path, error: &io::Error) -> CliError {
    let failure = unstored(&path.display().to_string(), error);
    match error.kind() {
        io::ErrorKind::AlreadyExists => failure.hint("it is not overwritten: remove it, or name another --file-dir"),
        _ => failure.hint("the user vault-exec runs as must be able to write there"),
    }
}
