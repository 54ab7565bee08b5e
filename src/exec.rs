//! `[os]` The program: found before anything is asked, started in our place when everything is there.
#![allow(unsafe_code, reason = "descriptors are looked at by number")]

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access, execve};

use crate::environment::Environment;
use crate::error::{CliError, ExitCode};
use crate::process::signals;
use crate::process::{self, Hardened};

/// A program that was found and its arguments.
#[derive(Debug)]
pub struct Program {
    file: CString,
    /// The command line, the name as it was typed first.
    line: Vec<CString>,
}

/// Where a name without a slash is looked up when `PATH` is not set, see `execvp(3)`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

impl Program {
    /// Finds the program as `execvp(3)` does, in `path`, the inherited `PATH`.
    ///
    /// # Errors
    /// With exit code 127 when it is not there and 126 when it is but may not be executed.
    pub fn find(command: Vec<OsString>, path: Option<&[u8]>) -> Result<Self, CliError> {
        let line: Vec<CString> = command
            .into_iter()
            .map(|argument| CString::new(argument.into_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| CliError::new("an argument holds a NUL byte"))?;
        let name = line.first().map(|name| name.to_bytes()).unwrap_or_default();
        let path = path.unwrap_or(DEFAULT_PATH);
        let places: Vec<Vec<u8>> = if name.contains(&b'/') {
            vec![name.to_vec()]
        } else if name.is_empty() {
            Vec::new()
        } else {
            path.split(|&byte| byte == b':').map(|place| below(place, name)).collect()
        };

        let mut refused = None;
        for place in places {
            match executable(&place) {
                Ok(file) => return Ok(Self { file, line }),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => refused = refused.or(Some((place, errno))),
            }
        }
        let shown = String::from_utf8_lossy(name);
        Err(match refused {
            Some((place, errno)) => cannot_execute(&String::from_utf8_lossy(&place), errno),
            None if name.contains(&b'/') => CliError::new(format!("{shown}: no such file"))
                .hint("give a path that exists where vault-exec runs")
                .exit(ExitCode::NotFound),
            None => CliError::new(format!("`{shown}` was not found"))
                .hint(format!("PATH is {}", String::from_utf8_lossy(path)))
                .exit(ExitCode::NotFound),
        })
    }

    /// Bytes of the command line as the kernel counts them: strings and pointers, and the file's name once more.
    #[must_use]
    pub fn size(&self) -> usize {
        let line: usize = self.line.iter().map(|argument| argument.count_bytes() + 1 + size_of::<usize>()).sum();
        line + self.file.count_bytes() + 1
    }

    /// Replaces this process. Comes back only when that failed.
    #[must_use]
    pub fn start(&self, environment: &Environment, hardened: &Hardened) -> CliError {
        let entries: Result<Vec<&CStr>, _> =
            environment.entries.iter().map(|entry| CStr::from_bytes_with_nul(entry.with_nul())).collect();
        let Ok(entries) = entries else { return CliError::new("a variable holds a NUL byte") };
        signals::disarm();
        hardened.undo();
        process::wipe_stack();
        process::wipe_registers();
        match execve(&self.file, &self.line, &entries) {
            Ok(never) => match never {},
            Err(errno) => cannot_execute(&self.file.to_string_lossy(), errno),
        }
    }

    /// The file that will be executed.
    #[must_use]
    pub fn file(&self) -> &OsStr {
        OsStr::from_bytes(self.file.to_bytes())
    }
}

/// The bytes that the command line and the environment may have in all: a quarter of the stack, at most 6 MiB and at
/// least 128 KiB, see `execve(2)`.
#[must_use]
pub fn size_limit() -> usize {
    let stack = getrlimit(Resource::RLIMIT_STACK).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(stack / 4).unwrap_or(usize::MAX).clamp(128 * 1024, 6 * 1024 * 1024)
}

/// Fills those of the descriptors 0 to 2 that are closed, so that no socket of ours takes their place. What fills them
/// cannot be read or written either, and the program finds them closed again.
pub fn reserve_stdio() {
    let closed = |descriptor| {
        // SAFETY: the number is only asked about.
        fcntl(unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) }, FcntlArg::F_GETFD) == Err(Errno::EBADF)
    };
    for descriptor in (0..=2).filter(|&descriptor| closed(descriptor)) {
        // The kernel takes the lowest number that is free: this one.
        if let Ok(placeholder) = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
            debug_assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&placeholder), descriptor);
            std::mem::forget(placeholder);
        }
    }
}

/// An empty part of `PATH` is the working directory.
fn below(place: &[u8], name: &[u8]) -> Vec<u8> {
    let place: &[u8] = if place.is_empty() { b"." } else { place };
    [place, b"/", name].concat()
}

fn executable(place: &[u8]) -> Result<CString, Errno> {
    access(place, AccessFlags::X_OK)?;
    match fs::metadata(OsStr::from_bytes(place)) {
        Ok(metadata) if metadata.is_dir() => Err(Errno::EISDIR),
        Ok(_) => CString::new(place).map_err(|_| Errno::EINVAL),
        Err(_) => Err(Errno::EACCES),
    }
}

fn cannot_execute(file: &str, errno: Errno) -> CliError {
    let (why, hint) = match errno {
        Errno::EACCES => {
            ("it may not be executed", "chmod +x it, and check that its file system is not mounted noexec")
        }
        Errno::EISDIR => ("it is a directory", "name the program in it"),
        Errno::ENOEXEC => ("it is no program", "a script needs a first line such as #!/bin/sh"),
        Errno::ENOENT => ("its interpreter is missing", "look at its #! line, or at the loader it was linked for"),
        Errno::E2BIG => {
            ("the kernel takes no so large environment", "leave keys out with --skip, or start from --pristine")
        }
        Errno::ETXTBSY => ("it is being written to", "wait until it is complete"),
        errno => (errno.desc(), "see execve(2)"),
    };
    CliError::new(format!("{file} cannot be executed: {why}")).hint(hint).exit(ExitCode::CannotExecute)
}
