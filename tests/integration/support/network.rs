//! Networks and mounts that only some processes see.

use std::fs;
use std::path::PathBuf;

use super::process::{SupervisedProcess, requires_root};
use super::scratch::unique;
use super::vault::TestVault;
use super::wait::wait_until;

/// A network namespace whose loopback device has more addresses, none of which is in 127.0.0.0/8.
pub(crate) struct NetworkNamespace {
    _holder: SupervisedProcess,
    dir: PathBuf,
    enter: String,
}

impl NetworkNamespace {
    pub(crate) fn new<const N: usize>(dir: PathBuf, addresses: [&str; N]) -> Self {
        requires_root("this test makes a network namespace");
        let add = addresses.map(|address| format!("ip addr add {address}/32 dev lo && ")).concat();
        let script = format!("ip link set lo up && {add}echo ready && exec sleep infinity");
        let holder = SupervisedProcess::start(&["unshare", "--net", "sh", "-c", &script], dir.join("net.log"));
        wait_until("a network namespace", || holder.log().contains("ready"));
        let enter = format!("--net=/proc/{}/ns/net", holder.pid());
        Self { _holder: holder, dir, enter }
    }

    /// The command that runs another command in the namespace.
    pub(crate) fn enter(&self) -> [&str; 2] {
        ["nsenter", &self.enter]
    }

    /// The same with this text as `/etc/hosts`.
    pub(crate) fn enter_with_hosts(&self, hosts: &str) -> Vec<String> {
        // A file of its own, because another process may read an earlier one.
        let file = self.dir.join(format!("hosts-{}", unique()));
        fs::write(&file, hosts).unwrap();
        let script = format!("mount --bind {} /etc/hosts && exec \"$@\"", file.display());
        let line = ["nsenter", &self.enter, "unshare", "--mount", "sh", "-c", &script, "sh"];
        line.map(str::to_owned).into()
    }

    /// Starts a process in the namespace.
    pub(crate) fn spawn(&self, command: &[&str], log: &str) -> SupervisedProcess {
        SupervisedProcess::start(&[&self.enter()[..], command].concat(), self.dir.join(log))
    }
}

impl TestVault {
    /// Runs a script in a mount namespace of its own, and then vault-exec.
    pub(crate) fn with_mounts(self, script: &str) -> Self {
        requires_root("this test makes a mount namespace");
        self.under(["unshare", "--mount", "sh", "-c", &format!("{script} && exec \"$@\""), "sh"])
    }
}
