//! `[os]` Files that are removed unless the program starts. A signal handler removes them, so [`remove_files`] neither locks
//! nor allocates.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::{io, iter};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::{fstat, fstatat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

/// A list that only grows; each link is set once.
static FIRST: OnceLock<Box<PendingFile>> = OnceLock::new();

/// A file that is written under a temporary name and then renamed.
#[derive(Debug)]
pub struct PendingFile {
    directory: Arc<OwnedFd>,
    temporary: CString,
    name: CString,
    /// Zero before it was created. All names are in one directory, and so on one device.
    inode: AtomicU64,
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
        let (directory, inode, next) = (Arc::clone(directory), AtomicU64::new(0), OnceLock::new());
        slot.get_or_init(|| Box::new(Self { directory, temporary, name, inode, next }))
    }

    /// Must be called after the file was created and before it is renamed.
    ///
    /// # Errors
    /// If the kernel does not say which file it is.
    pub fn set_created(&self, file: impl AsFd) -> io::Result<()> {
        self.inode.store(fstat(file)?.st_ino, Ordering::SeqCst);
        Ok(())
    }

    fn inode_of(&self, name: &CStr) -> Option<u64> {
        fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).map(|status| status.st_ino).ok()
    }

    /// Another start may have replaced the file, even between two of these calls: a file is first taken away, and put back
    /// if it is another one.
    fn remove(&self) {
        let (directory, temporary, name) = (&self.directory, self.temporary.as_c_str(), self.name.as_c_str());
        let inode = self.inode.load(Ordering::SeqCst);
        if inode != 0 && self.inode_of(name) == Some(inode) {
            let _ = renameat(directory, name, directory, temporary);
        }
        if inode != 0 && self.inode_of(temporary).is_some_and(|found| found != inode) {
            let _ = linkat(directory, temporary, directory, name, AtFlags::empty());
        }
        let _ = unlinkat(directory, temporary, UnlinkatFlags::NoRemoveDir);
    }
}

fn pending_files() -> impl Iterator<Item = &'static PendingFile> {
    iter::successors(FIRST.get(), |file| file.next.get()).map(Box::as_ref)
}

/// Renames the files that were added to their final names.
///
/// # Errors
/// With the name of the first one that cannot be.
pub fn rename_files() -> Result<(), (&'static CStr, Errno)> {
    pending_files().try_for_each(|PendingFile { directory, temporary, name, .. }| {
        renameat(directory, temporary.as_c_str(), directory, name.as_c_str()).map_err(|errno| (name.as_c_str(), errno))
    })
}

/// Removes the files that were added. It is async-signal-safe.
pub fn remove_files() {
    pending_files().for_each(PendingFile::remove);
}
