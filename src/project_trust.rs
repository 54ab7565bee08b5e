//! `[os]` The discovered project files that the user trusts. A directory to which only this user can write has one file
//! for each, named after the hash of its path, with the hash of its content and its real path, as `sha256sum` prints them.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use ring::digest::{SHA256, digest};

use crate::error::CliError;

/// The directory of the entries, below the state directory of the user.
const DIRECTORIES: [&str; 2] = ["vault-exec", "trusted"];

/// The limit for an entry, longer than any.
const MAX_ENTRY_BYTES: u64 = 64 * 1024;

/// What the mode of a directory or file of the entries must not have.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What the mode of the state directory must not have, which a umask of 002 leaves to the group of the user.
const WRITABLE_BY_ANYONE: u32 = 0o002;

/// A project file that was discovered, as it was read.
#[derive(Debug)]
pub struct DiscoveredFile {
    /// The real path of its directory, and its name, which can be that of a symbolic link.
    pub path: PathBuf,
    /// The content, which is hashed and parsed.
    pub text: String,
}

/// Whether the user trusts a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustStatus {
    /// With this content.
    Trusted,
    /// With another content, or as a link to another file.
    Changed,
    /// Not at this path.
    Unknown,
}

/// The entries of one user.
#[derive(Debug)]
pub struct TrustStore {
    /// Absolute.
    state_home: PathBuf,
}

impl TrustStore {
    /// The entries in `XDG_STATE_HOME`, or in `.local/state` of `HOME`. A relative path does not count, see
    /// <https://specifications.freedesktop.org/basedir-spec/latest/>.
    ///
    /// # Errors
    /// If neither is an absolute path.
    pub fn new(xdg_state_home: Option<&Path>, home: Option<&Path>) -> Result<Self, CliError> {
        let candidates = [xdg_state_home.map(Path::to_owned), home.map(|home| home.join(".local/state"))];
        match candidates.into_iter().flatten().find(|path| path.is_absolute()) {
            Some(state_home) => Ok(Self { state_home }),
            None => Err(CliError::new("neither XDG_STATE_HOME nor HOME is an absolute path")
                .hint("set HOME, below which the trusted files are recorded, or name the file with --config FILE")),
        }
    }

    /// Whether the user trusts the file.
    ///
    /// # Errors
    /// If another user could have written the entry, or it cannot be read.
    pub fn status(&self, file: &DiscoveredFile) -> Result<TrustStatus, CliError> {
        let Some((directory, path)) = self.open()? else { return Ok(TrustStatus::Unknown) };
        let path = path.join(entry_name(&file.path));
        let Some(entry) = open_private(&directory, &path, OFlag::O_RDONLY)? else { return Ok(TrustStatus::Unknown) };
        let mut content = Vec::new();
        entry.take(MAX_ENTRY_BYTES).read_to_end(&mut content).map_err(|error| unusable(&path, error))?;
        Ok(if content == entry_content(file) { TrustStatus::Trusted } else { TrustStatus::Changed })
    }

    /// Trusts the file with this content. A crash leaves an entry that matches no file.
    ///
    /// # Errors
    /// If the directory cannot be made or written to, or another user can write to it.
    pub fn add(&self, file: &DiscoveredFile) -> Result<(), CliError> {
        let path = DIRECTORIES.iter().fold(self.state_home.clone(), |path, name| path.join(name));
        let existing = self.state_home.ancestors().find_map(|path| Some((path, fs::metadata(path).ok()?)));
        if let Some((path, metadata)) = existing {
            require_owned(path, &metadata, WRITABLE_BY_ANYONE)?;
        }
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        created.map_err(|error| unusable(&path, error))?;
        let path = path.join(entry_name(&file.path));
        let entry = match self.open()? {
            Some((directory, _)) => open_private(&directory, &path, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC)?,
            None => None,
        };
        let mut entry = entry.ok_or_else(|| unusable(&path, Errno::ENOENT))?;
        entry.write_all(&entry_content(file)).map_err(|error| unusable(&path, error))
    }

    /// Trusts no file at this path any more. Returns whether one was trusted.
    ///
    /// # Errors
    /// If the directory cannot be written to, or another user can write to it.
    pub fn remove(&self, path: &Path) -> Result<bool, CliError> {
        let Some((directory, entries)) = self.open()? else { return Ok(false) };
        match unlinkat(&directory, entry_name(path).as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(unusable(&entries, errno)),
        }
    }

    /// The directory of the entries and its path; `None` if it does not exist.
    fn open(&self) -> Result<Option<(File, PathBuf)>, CliError> {
        let mut path = self.state_home.clone();
        let mut directory = match File::open(&path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, error)),
        };
        let metadata = directory.metadata().map_err(|error| unusable(&path, error))?;
        require_owned(&path, &metadata, WRITABLE_BY_ANYONE)?;
        for name in DIRECTORIES {
            path.push(name);
            match open_private(&directory, &path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)? {
                Some(opened) => directory = opened,
                None => return Ok(None),
            }
        }
        Ok(Some((directory, path)))
    }
}

/// Opens the last segment of `path` in its directory, unless another user owns it or can write to it; `None` if it does
/// not exist.
fn open_private(directory: &File, path: &Path, flags: OFlag) -> Result<Option<File>, CliError> {
    let name = path.file_name().unwrap_or_default();
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(unusable(path, errno)),
    };
    let metadata = file.metadata().map_err(|error| unusable(path, error))?;
    require_owned(path, &metadata, WRITABLE_BY_OTHERS)?;
    Ok(Some(file))
}

fn require_owned(path: &Path, metadata: &Metadata, forbidden_mode: u32) -> Result<(), CliError> {
    let reason = if metadata.uid() != geteuid().as_raw() {
        "owned by another user"
    } else if metadata.mode() & forbidden_mode != 0 {
        "writable by other users"
    } else {
        return Ok(());
    };
    Err(unusable(path, Error::other(reason)))
}

/// Not the real path: a link in a hostile directory must not make use of the trust in its target.
fn entry_name(path: &Path) -> String {
    hash(path.as_os_str().as_bytes())
}

fn entry_content(file: &DiscoveredFile) -> Vec<u8> {
    let real_path = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
    let hash = hash(file.text.as_bytes());
    [hash.as_bytes(), b"  ", real_path.as_os_str().as_bytes(), b"\n"].concat()
}

/// SHA-256 in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    digest(&SHA256, bytes).as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unusable(path: &Path, error: impl Into<Error>) -> CliError {
    CliError::file_error(&path.display().to_string(), &error.into())
        .with_hint_if_none("the trusted files are recorded there, in directories that only you can write to")
}
