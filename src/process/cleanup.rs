//! `[os]` Files that are removed unless the program starts. A signal handler removes them, so [`remove_files`] neither locks
//! nor allocates.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use nix::unistd::{UnlinkatFlags, unlinkat};

/// A list that only grows; each link is set once.
static FIRST: OnceLock<Box<PendingFile>> = OnceLock::new();

/// A file that is written under a temporary name and then renamed.
#[derive(Debug)]
pub struct PendingFile {
    directory: Arc<OwnedFd>,
    temporary: CString,
    name: CString,
    /// Whether it has one of the two names.
    exists: AtomicBool,
    next: OnceLock<Box<PendingFile>>,
}

impl PendingFile {
    /// Adds a file that is about to be created under its temporary name. Must not be called by two threads at a time.
    #[must_use]
    pub fn add(directory: &Arc<OwnedFd>, temporary: CString, name: CString) -> &'static Self {
        let mut slot = &FIRST;
        while let Some(file) = slot.get() {
            slot = &file.next;
        }
        let (directory, exists, next) = (Arc::clone(directory), AtomicBool::new(false), OnceLock::new());
        slot.get_or_init(|| Box::new(Self { directory, temporary, name, exists, next }))
    }

    /// Must be called after the file was created and before it is renamed: without a file of the temporary name, the other
    /// name is then the one to remove.
    pub fn set_created(&self) {
        self.exists.store(true, Ordering::SeqCst);
    }
}

/// Removes the files that were added. It is async-signal-safe.
pub fn remove_files() {
    let mut next = FIRST.get();
    while let Some(file) = next {
        let existed = file.exists.swap(false, Ordering::SeqCst);
        let removed = unlinkat(&file.directory, file.temporary.as_c_str(), UnlinkatFlags::NoRemoveDir);
        if removed.is_err() && existed {
            let _ = unlinkat(&file.directory, file.name.as_c_str(), UnlinkatFlags::NoRemoveDir);
        }
        next = file.next.get();
    }
}
