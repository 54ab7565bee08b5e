//! vault-exec at its `execve`: it is traced, stopped where it enters the system call, and all of its memory and registers
//! are copied. On the way, memory that may be swapped out is copied at every system call.
#![allow(unsafe_code, reason = "the traced process asks for it between fork and exec; registers come by address")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support::process::{requires_root, vault_exec};
use crate::support::vault::TestVault;

/// The process at its `execve`, and the output of the program after it.
pub(super) struct TracedProcess {
    pub(super) memory: Vec<Region>,
    /// What the process could write and did not lock, at each system call after it had locked its stack.
    pub(super) unlocked: Vec<Region>,
    /// General and vector registers.
    pub(super) registers: Vec<u8>,
    /// Where the part of the stack begins that is in use.
    pub(super) stack_pointer: u64,
    /// The numbers of the system calls on the way.
    pub(super) calls: Vec<u64>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

/// Memory without a gap.
#[derive(PartialEq)]
pub(super) struct Region {
    pub(super) start: u64,
    /// The lines of `/proc/PID/maps`.
    pub(super) whose: String,
    pub(super) bytes: Vec<u8>,
}

impl TracedProcess {
    /// Runs until the program would start, which then prints its environment.
    #[track_caller]
    pub(super) fn on(vault: &TestVault) -> Self {
        requires_root("this test reads the memory of a process that is not dumpable");
        let mut command = vault.command(["cat", "/proc/self/environ"]);
        // SAFETY: a single system call, which is async-signal-safe.
        unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
        let first = waitpid(pid, None).expect("a stop");
        assert!(matches!(first, WaitStatus::Stopped(_, Signal::SIGTRAP)), "{first:?}");
        ptrace::setoptions(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).expect("options");

        let mut unlocked = Vec::new();
        let calls = run_to_execve(pid, &mut unlocked).unwrap_or_else(|calls| {
            let mut text = String::new();
            let _ = child.stderr.take().expect("a pipe").read_to_string(&mut text);
            panic!("it never came to execve, after {calls} calls: {text}")
        });
        let stack_pointer = ptrace::syscall_info(pid).expect("the system call").stack_pointer;
        let (memory, registers) = (memory(pid, &mappings(pid)), registers(pid));
        ptrace::detach(pid, None).expect("let go");
        let output = child.wait_with_output().expect("the program ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(!unlocked.is_empty(), "the stack was not locked");
        Self { memory, unlocked, registers, stack_pointer, calls, stdout: output.stdout, stderr }
    }
}

/// Continues to the `execve` of vault-exec itself, past those of its wrappers, and collects memory that is not locked.
/// Returns the system calls before it, or their number if the process ends first.
fn run_to_execve(pid: Pid, unlocked: &mut Vec<Region>) -> Result<Vec<u64>, usize> {
    let mut calls = Vec::new();
    let mut passed_on = None;
    loop {
        ptrace::syscall(pid, passed_on.take()).expect("go on");
        match waitpid(pid, None).expect("a stop") {
            WaitStatus::PtraceSyscall(_) => {}
            WaitStatus::Stopped(_, Signal::SIGTRAP) => continue,
            WaitStatus::Stopped(_, signal) => {
                passed_on = Some(signal);
                continue;
            }
            _ => return Err(calls.len()),
        }
        let mappings = mappings(pid);
        if mappings.iter().any(|mapping| mapping.line.contains("[stack]") && mapping.is_locked) {
            let open = mappings.into_iter().filter(|mapping| mapping.is_writable() && !mapping.is_locked);
            for region in memory(pid, &open.collect::<Vec<_>>()) {
                if !unlocked.contains(&region) {
                    unlocked.push(region);
                }
            }
        }
        let info = ptrace::syscall_info(pid).expect("the system call");
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            continue;
        }
        // SAFETY: the kernel has said which part of the union it filled in.
        let call = unsafe { info.u.entry }.nr;
        if call != libc::SYS_execve.unsigned_abs() {
            calls.push(call);
        } else if is_vault_exec(pid) {
            return Ok(calls);
        } else {
            calls.clear();
        }
    }
}

fn is_vault_exec(pid: Pid) -> bool {
    let file = |metadata: io::Result<fs::Metadata>| metadata.map(|file| (file.dev(), file.ino())).expect("a program");
    file(fs::metadata(format!("/proc/{pid}/exe"))) == file(fs::metadata(vault_exec()))
}

/// Memory that was never used, or wiped.
static EMPTY: [u8; 64 * 1024] = [0; 64 * 1024];

/// A line of `/proc/PID/maps`.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) line: String,
    pub(super) is_locked: bool,
}

impl Mapping {
    fn rights(&self) -> &str {
        self.line.split_whitespace().nth(1).expect("rights")
    }

    pub(super) fn is_writable(&self) -> bool {
        self.rights().contains('w')
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        let range = self.range();
        range.end - range.start
    }

    fn range(&self) -> Range<u64> {
        let bound = |text| u64::from_str_radix(text, 16).unwrap_or_else(|error| panic!("{}: {error}", self.line));
        let (start, end) =
            self.line.split_whitespace().next().and_then(|range| range.split_once('-')).expect("a range");
        bound(start)..bound(end)
    }
}

/// The memory of a process, see `proc_pid_smaps(5)`.
pub(super) fn mappings(pid: Pid) -> Vec<Mapping> {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("the mappings");
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let name = line.split_whitespace().next().expect("a name");
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            mappings.last_mut().expect("a mapping").is_locked = flags.split_whitespace().any(|flag| flag == "lo");
        } else if !name.ends_with(':') {
            mappings.push(Mapping { line: line.to_owned(), is_locked: false });
        }
    }
    mappings
}

/// All of it that can be read, neighbours joined so that nothing hides across a border.
fn memory(pid: Pid, mappings: &[Mapping]) -> Vec<Region> {
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the memory: this test needs CAP_SYS_PTRACE");
    let mut regions: Vec<Region> = Vec::new();
    for mapping in mappings {
        let line = &mapping.line;
        // The kernel's own data, which no process can write.
        if !mapping.rights().starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]") {
            continue;
        }
        let Range { start, end } = mapping.range();
        let mut bytes = vec![0; usize::try_from(end - start).expect("a size")];
        if let Err(error) = memory.read_exact_at(&mut bytes, start) {
            let is_there = self::mappings(pid).iter().any(|other| other.line == *line);
            assert!(!is_there, "{line}: {error}");
            // The stack of a thread that ended.
            continue;
        }
        // The heap is reserved far beyond what is ever used of it.
        let is_heap = line.split_whitespace().count() == 5;
        for (start, bytes) in (start..).step_by(EMPTY.len()).zip(bytes.chunks(EMPTY.len())) {
            match regions.last_mut() {
                _ if is_heap && bytes == EMPTY => {}
                Some(before) if before.start + before.bytes.len() as u64 == start => {
                    before.bytes.extend(bytes);
                    if !before.whose.contains(line) {
                        before.whose = format!("{}; {line}", before.whose);
                    }
                }
                _ => regions.push(Region { start, whose: line.clone(), bytes: bytes.to_vec() }),
            }
        }
    }
    regions
}

/// General and vector registers as the kernel dumps them.
fn registers(pid: Pid) -> Vec<u8> {
    const NT_X86_XSTATE: libc::c_int = 0x202;
    let vectors = if cfg!(target_arch = "x86_64") { NT_X86_XSTATE } else { libc::NT_PRFPREG };
    let mut dump = Vec::new();
    for set in [libc::NT_PRSTATUS, vectors] {
        let mut bytes = vec![0_u8; 16 * 1024];
        let mut area = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: the kernel writes at most `iov_len` bytes and says in it how many.
        let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, pid.as_raw(), set, &raw mut area) };
        assert_eq!(result, 0, "register set {set:#x}: {}", io::Error::last_os_error());
        dump.extend_from_slice(&bytes[..area.iov_len]);
    }
    dump
}
