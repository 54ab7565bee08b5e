//! `[os]` The files of `--file`: sealed in-memory files that the program inherits, or files in the tmpfs of `--file-dir`.

use std::ffi::{CString, OsStr};
use std::fs::{File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, SealFlag, fcntl, open, openat};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{self, SFlag, fstat, fstatat};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use nix::unistd::{AccessFlags, faccessat, geteuid};

use crate::env_name::EnvName;
use crate::error::{CliError, Mode};
use crate::process::cleanup::{PendingFile, remove_files, rename_files};
use crate::process::signals;
use crate::secret::Secret;

/// The lowest descriptor of an in-memory file. Scripts use low ones for their redirections (`exec 3<file`).
const MIN_FD: i32 = 64;

/// The files made so far. Those in a directory are removed on drop, which happens only if the program does not start.
#[derive(Debug)]
pub struct SecretFiles {
    directory: Option<PathBuf>,
    /// The directory, once it was opened and checked: its path may lead elsewhere later.
    opened: Option<Arc<OwnedFd>>,
    mode: Option<u32>,
    /// Whether files in a directory are only checked, not written.
    dry_run: bool,
}

impl SecretFiles {
    /// Files in `directory`, or in memory without one. `mode` is their permissions, by default 0600 and 0400.
    pub fn new(directory: Option<&str>, mode: Option<u32>, run: Mode) -> Self {
        Self { directory: directory.map(PathBuf::from), opened: None, mode, dry_run: run == Mode::Check }
    }

    /// Creates a file with the value and returns the path that the program opens it by. A file in a directory has another
    /// name until [`SecretFiles::publish`] is called.
    ///
    /// # Errors
    /// If the file cannot be created, or the directory or a file of that name is not what it must be.
    pub fn create(&mut self, name: &EnvName, value: &Secret) -> anyhow::Result<Secret> {
        let Some(directory) = &self.directory else {
            let path = create_memfd(name, value, self.mode.unwrap_or(0o400))
                .map_err(|error| write_error("in-memory file", &error))?;
            require_proc(&path)?;
            return Ok(Secret::new(path.into_bytes()));
        };
        let opened = if let Some(opened) = &self.opened {
            opened
        } else {
            signals::install_cleanup_handlers();
            self.opened.insert(Arc::new(open_directory(directory)?))
        };
        // The program may change its working directory before it opens the file.
        let path = path::absolute(directory.join(name.as_str())).context("find the working directory")?;
        require_replaceable(opened, name, &path)?;
        let written = if self.dry_run {
            faccessat(&**opened, ".", AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::empty()).map_err(io::Error::from)
        } else {
            write(opened, name, value, self.mode.unwrap_or(0o600))
        };
        written.map_err(|error| directory_error(&path, &error))?;
        Ok(Secret::new(path.into_os_string().into_encoded_bytes()))
    }

    /// Gives the files in a directory their names, at once, so that nobody reads a part of one. Must be the last step: a
    /// start that fails before leaves the files of other starts in place.
    ///
    /// # Errors
    /// If a file cannot be renamed.
    pub fn publish(&self) -> Result<(), CliError> {
        rename_files().map_err(|(name, errno)| {
            let name = OsStr::from_bytes(name.to_bytes());
            let path = self.directory.as_ref().map_or_else(|| name.into(), |directory| directory.join(name));
            directory_error(&path, &errno.into())
        })
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        remove_files();
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
    // Without close-on-exec, at the lowest free number if the limit is below `MIN_FD`.
    let inherited = fcntl(&file, FcntlArg::F_DUPFD(MIN_FD)).or_else(|_| fcntl(&file, FcntlArg::F_DUPFD(0)))?;
    Ok(format!("/proc/self/fd/{inherited}"))
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

/// The same for a file in a directory.
fn directory_error(path: &Path, error: &io::Error) -> CliError {
    write_error(&path.display().to_string(), error)
        .with_hint_if_none("the user of vault-exec must have write permission there")
}

/// Opens a directory that secrets can be written to: on no disk, and where no other user can replace them.
fn open_directory(path: &Path) -> Result<OwnedFd, CliError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let inspected = open(path, flags, stat::Mode::empty())
        .and_then(|directory| Ok((fstatfs(&directory)?.filesystem_type(), fstat(&directory)?, directory)));
    let hint = "name a directory on tmpfs, for example in /dev/shm";
    let (reason, hint) = match inspected {
        Err(errno) => (errno.desc(), hint),
        Ok((file_system, ..)) if file_system != TMPFS_MAGIC => ("not on tmpfs", hint),
        Ok((_, status, _)) if status.st_uid != 0 && status.st_uid != geteuid().as_raw() => {
            ("owned by another user", "use a directory of root or of the user of vault-exec")
        }
        Ok((_, status, _)) if status.st_mode & 0o1022 > 0o1000 => {
            ("writable by other users", "make a directory in it (mkdir -m 700), and name that one")
        }
        Ok((_, status, _)) if status.st_mode & 0o022 != 0 => {
            ("writable by other users", "remove that permission (chmod go-w), or make a directory in it (mkdir -m 700)")
        }
        Ok((.., directory)) => return Ok(directory),
    };
    Err(CliError::new(format!("{}: {reason}", path.display())).hint(hint))
}

/// A file of an earlier start may be replaced, any other must not.
fn require_replaceable(directory: &OwnedFd, name: &EnvName, path: &Path) -> Result<(), CliError> {
    match fstatat(directory, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(status)
            if status.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits()
                || status.st_uid != geteuid().as_raw()
                || status.st_nlink != 1 =>
        {
            Err(CliError::file_error(&path.display().to_string(), &Errno::EEXIST.into()).hint(
                "only a regular file of the same user with a single link is replaced: remove it, or name another \
                 --file-dir",
            ))
        }
        _ => Ok(()),
    }
}

fn write(directory: &Arc<OwnedFd>, name: &EnvName, value: &Secret, mode: u32) -> io::Result<()> {
    // Unique: another start may write to the directory at the same time.
    let temporary = CString::new(format!(".vault-exec.{:016x}", RandomState::new().hash_one(name.as_str())))?;
    let pending = PendingFile::add(directory, temporary.clone(), CString::new(name.as_str())?);
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    // Not readable by others before it has its final mode.
    let mut file =
        File::from(openat(directory, temporary.as_c_str(), flags, stat::Mode::S_IRUSR | stat::Mode::S_IWUSR)?);
    pending.set_created(&file)?;
    file.write_all(value.expose())?;
    file.set_permissions(Permissions::from_mode(mode))
}
