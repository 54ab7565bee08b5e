//! The system calls that Docker's default profile keeps from a container without capabilities.
#![allow(unsafe_code, reason = "a filter is a program of the kernel's own")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc::{self, sock_filter, sock_fprog};

/// What answers `EPERM`.
const REFUSED: [libc::c_long; 44] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_get_mempolicy,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mbind,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_set_mempolicy,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// The last call that the profile knows; newer ones are refused like those above.
const NEWEST: libc::c_long = libc::SYS_futex_waitv;

/// Has the command start under that filter.
pub(super) fn confine(command: &mut Command) {
    install(filter(), command);
}

/// Has the command start under a filter that answers `EPERM` to `prctl(PR_SET_DUMPABLE, …)` alone.
pub(super) fn refuse_undumpable(command: &mut Command) {
    /// The low half of the first argument, in `seccomp_data`.
    const FIRST_ARGUMENT: u32 = 16;
    let filter = vec![
        load(0),
        sock_filter { jf: 3, ..jump(libc::BPF_JEQ, libc::SYS_prctl) },
        load(FIRST_ARGUMENT),
        jump(libc::BPF_JEQ, libc::PR_SET_DUMPABLE.into()),
        returns(errno(libc::EPERM)),
        returns(libc::SECCOMP_RET_ALLOW),
    ];
    install(filter, command);
}

fn install(filter: Vec<sock_filter>, command: &mut Command) {
    let lines = u16::try_from(filter.len()).expect("a short program");
    let install = move || {
        let program = sock_fprog { len: lines, filter: filter.as_ptr().cast_mut() };
        // SAFETY: the program outlives the call, which only reads it.
        let installed = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
        };
        if installed { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(install) };
}

fn filter() -> Vec<sock_filter> {
    let mut filter = vec![load(0)];
    for call in REFUSED {
        filter.extend([jump(libc::BPF_JEQ, call), returns(errno(libc::EPERM))]);
    }
    // The C library then makes threads with `clone`.
    filter.extend([jump(libc::BPF_JEQ, libc::SYS_clone3), returns(errno(libc::ENOSYS))]);
    filter.extend([jump(libc::BPF_JGT, NEWEST), returns(errno(libc::EPERM))]);
    filter.push(returns(libc::SECCOMP_RET_ALLOW));
    filter
}

/// Loads 32 bits of `seccomp_data`; the number of the system call is first.
fn load(offset: u32) -> sock_filter {
    sock_filter { code: to_u16(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS), jt: 0, jf: 0, k: offset }
}

/// Goes on if what was loaded compares so with the value, else skips one line.
fn jump(code: u32, value: libc::c_long) -> sock_filter {
    let k = u32::try_from(value).expect("a small number");
    sock_filter { code: to_u16(libc::BPF_JMP | code | libc::BPF_K), jt: 0, jf: 1, k }
}

fn returns(value: u32) -> sock_filter {
    sock_filter { code: to_u16(libc::BPF_RET | libc::BPF_K), jt: 0, jf: 0, k: value }
}

fn errno(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | u32::try_from(errno).expect("a small number")
}

fn to_u16(code: u32) -> u16 {
    u16::try_from(code).expect("a code of the kernel's")
}
