//! `[os]` Finds the program before the first request, and replaces this process with it at the end.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, access, execve};

use crate::environment::Environment;
use crate::error::{CliError, ExitCode};
use crate::process::{self, Hardened};

/// A program that was found, and its arguments.
#[derive(Debug)]
pub struct Program {
    path: CString,
    /// The first argument is the name as it was given.
    argv: Vec<CString>,
}

/// Directories in which a name without a slash is looked up if `PATH` is not set, see `execvp(3)`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

impl Program {
    /// Finds the program as `execvp(3)` does, `None` for an empty command. `search_path` is the inherited `PATH`.
    ///
    /// # Errors
    /// With exit code 127 if it does not exist, with 126 if it cannot be executed.
    pub fn find(command: Vec<OsString>, search_path: Option<&[u8]>) -> Result<Option<Self>, CliError> {
        let argv: Result<Vec<_>, _> = command.into_iter().map(|argument| CString::new(argument.into_vec())).collect();
        let argv = argv.map_err(|_| CliError::new("an argument contains a NUL byte"))?;
        let Some(name) = argv.first().map(|name| name.to_bytes()) else { return Ok(None) };
        let search_path = search_path.unwrap_or(DEFAULT_PATH);
        let candidates: Vec<Vec<u8>> = if name.contains(&b'/') {
            vec![name.to_vec()]
        } else if name.is_empty() {
            Vec::new()
        } else {
            search_path.split(|&byte| byte == b':').map(|directory| join_dir(directory, name)).collect()
        };

        let mut first_denied = None;
        for candidate in candidates {
            match executable(&candidate) {
                Ok(path) => return Ok(Some(Self { path, argv })),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => first_denied = first_denied.or(Some((candidate, errno))),
            }
        }
        Err(match first_denied {
            Some((path, errno)) => cannot_execute(&String::from_utf8_lossy(&path), errno),
            None => not_found(&String::from_utf8_lossy(name), search_path),
        })
    }

    /// Bytes of the arguments as the kernel counts them: strings, pointers, and the path once more.
    pub fn argv_bytes(&self) -> usize {
        let argv: usize = self.argv.iter().map(|argument| argument.count_bytes() + 1 + size_of::<usize>()).sum();
        argv + self.path.count_bytes() + 1
    }

    /// Restores the signal mask and limits, wipes stack and registers, and replaces this process. Returns only if that failed.
    #[must_use]
    pub fn exec(&self, environment: &Environment, hardened: &Hardened) -> CliError {
        let entries: Result<Vec<&CStr>, _> =
            environment.entries.iter().map(|entry| CStr::from_bytes_with_nul(entry.with_nul())).collect();
        let Ok(entries) = entries else { return CliError::new("a variable contains a NUL byte") };
        hardened.restore();
        process::wipe_stack();
        process::wipe_registers();
        match execve(&self.path, &self.argv, &entries) {
            Ok(never) => match never {},
            Err(errno) => cannot_execute(&self.path.to_string_lossy(), errno),
        }
    }

    /// The path of the file that will be executed.
    pub fn path(&self) -> &OsStr {
        OsStr::from_bytes(self.path.to_bytes())
    }
}

/// The limit on arguments and environment together, in bytes: a quarter of the stack's limit, at least 128 KiB and at most
/// 6 MiB, see `execve(2)`.
pub fn arg_max() -> usize {
    let stack = getrlimit(Resource::RLIMIT_STACK).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(stack / 4).unwrap_or(usize::MAX).clamp(128 * 1024, 6 * 1024 * 1024)
}

/// An empty entry of `PATH` is the working directory.
fn join_dir(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let directory: &[u8] = if directory.is_empty() { b"." } else { directory };
    [directory, b"/", name].concat()
}

fn executable(path: &[u8]) -> Result<CString, Errno> {
    access(path, AccessFlags::X_OK)?;
    match fs::metadata(OsStr::from_bytes(path)) {
        Ok(metadata) if metadata.is_dir() => Err(Errno::EISDIR),
        Ok(_) => CString::new(path).map_err(|_| Errno::EINVAL),
        Err(_) => Err(Errno::EACCES),
    }
}

fn not_found(name: &str, search_path: &[u8]) -> CliError {
    let reason = match name {
        "" => "the name of the program is empty".to_owned(),
        name if name.contains('/') => format!("{name}: no such file"),
        name => format!("`{name}` was not found"),
    };
    let hint = if name.is_empty() {
        "a variable that should hold it may be unset".into()
    } else if name.contains(char::is_whitespace) {
        "no shell splits it: give its arguments as words of their own, or a shell as the program: sh -c '...'".into()
    } else if name.contains('/') {
        "the path must exist where vault-exec runs".into()
    } else {
        format!("PATH is {}", String::from_utf8_lossy(search_path))
    };
    CliError::new(reason).hint(hint).exit(ExitCode::NotFound)
}

fn cannot_execute(path: &str, errno: Errno) -> CliError {
    let (why, hint) = match errno {
        Errno::EACCES => ("permission denied", "chmod +x it; its file system must not be mounted noexec"),
        Errno::EISDIR => ("is a directory", "name the program in it"),
        Errno::ENOEXEC => ("not an executable format", "a script needs a first line such as #!/bin/sh"),
        Errno::ENOENT => {
            ("its interpreter or loader does not exist", "check its #! line, or the loader it was linked for")
        }
        Errno::E2BIG => (
            "arguments and environment exceed the kernel limit",
            "leave keys out with --skip, or start from --pristine",
        ),
        Errno::ETXTBSY => ("open for writing", "wait until it has been written"),
        errno => (errno.desc(), "see execve(2)"),
    };
    CliError::new(format!("{path} cannot be executed: {why}")).hint(hint).exit(ExitCode::CannotExecute)
}
