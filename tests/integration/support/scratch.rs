//! Directories that are removed when the tests end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::process::spawn_supervised;

/// The parent of all directories of this run. A shell removes it when this process ends, however it ends.
static RUN: LazyLock<(PathBuf, ChildStdin)> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("vault-exec-test-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let mut janitor = Command::new("sh");
    janitor.args(["-c", r#"read -r _; rm -rf "$0""#]).arg(&dir);
    let lifeline = spawn_supervised(&mut janitor);
    (dir, lifeline)
});

/// A new directory whose name starts with this one.
pub(crate) fn new_dir(name: &str) -> PathBuf {
    let dir = RUN.0.join(format!("{name}-{}", unique()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A number that no other call in this process returns.
pub(crate) fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A directory on tmpfs until it is dropped.
pub(crate) struct TmpfsDir(PathBuf);

impl TmpfsDir {
    pub(crate) fn new() -> Self {
        let path = PathBuf::from(format!("/dev/shm/vault-exec-test-{}-{}", std::process::id(), unique()));
        fs::create_dir(&path).unwrap();
        // The umask may let the group write.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The sorted names of its entries.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for TmpfsDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
