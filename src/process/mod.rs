//! `[os]` The process itself: keeps secrets out of freed memory, `environ`, core files and swap, and handles signals
//! until the program starts.
#![allow(unsafe_code, reason = "addresses of the linker, and a call into a static glibc")]

mod allocator;
pub mod cleanup;
mod environ;
mod panic;
pub mod signals;
mod stdio;
mod ticks;
mod wipe;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::unistd::{getegid, geteuid, getgid, getuid};

pub use allocator::WipingAllocator;
use allocator::lock_memory;
pub use panic::install_panic_hook;
pub use stdio::write_stderr;
pub use wipe::{wipe_registers, wipe_stack};

use crate::env_block::InheritedEnv;

/// What was changed about the process and must be restored for the program.
#[derive(Debug)]
pub struct Hardened {
    core_limit: Option<(rlim_t, rlim_t)>,
    signal_mask: Option<u64>,
    /// Whether neither other processes of this user nor a core file can read the memory of this process.
    pub private: bool,
    /// Whether no memory that can hold a secret can be swapped out: heap, stack and static variables.
    pub locked: bool,
}

/// Far more than is ever used, debug builds included.
const MIN_STACK_BYTES: rlim_t = 1024 * 1024;

/// Denies other processes of this user access to this one (`PR_SET_DUMPABLE`). Must be the first call of the process: until
/// then they have it, and whoever opens `/proc/PID/mem` keeps it. [`prepare`] repeats it and records a failure.
pub extern "C" fn deny_access() {
    let _ = set_dumpable(false);
}

/// Prepares the process before anything else runs, and reads its environment. Exits with 125 if the stack is too small or
/// the process runs setuid or setgid.
///
/// Must be called once, while no other thread runs.
#[must_use]
pub fn prepare(heap: &WipingAllocator) -> (InheritedEnv, Hardened) {
    require_own_ids();
    require_min_stack();
    stdio::reserve_stdio();
    // Before a handler is installed, which changes the mask with musl.
    let mut hardened = Hardened::harden();
    signals::ignore_write_signals();
    install_panic_hook();
    let inherited = environ::take();
    hardened.locked = heap.is_locked() & wipe::lock_stack() & lock_statics();
    (inherited, hardened)
}

/// The user's variables and files would decide what a process with the rights of another user does.
fn require_own_ids() {
    if getuid() != geteuid() || getgid() != getegid() {
        panic::abort_with(
            "vault-exec: running setuid or setgid is refused\nhint: remove the bits (chmod ug-s), or have sudo or setpriv \
             change the user and the group completely\n",
        );
    }
}

/// The kernel would end the process with `SIGSEGV` when the stack reaches a smaller limit.
fn require_min_stack() {
    if getrlimit(Resource::RLIMIT_STACK).is_ok_and(|(soft, _)| soft < MIN_STACK_BYTES) {
        panic::abort_with("vault-exec: the stack is too small\nhint: raise the limit (ulimit -s 8192)\n");
    }
}

impl Hardened {
    /// Denies other processes access, and turns core files off.
    fn harden() -> Self {
        // Only a seccomp filter refuses these calls. A process without access cannot leave a core file either.
        let private = set_dumpable(false).is_ok();
        let core_limit = getrlimit(Resource::RLIMIT_CORE).ok().filter(|(soft, _)| *soft != 0);
        if let Some((_, hard)) = core_limit {
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
        }
        Self { core_limit, signal_mask: signals::kernel_mask(), private, locked: false }
    }

    /// Restores the limit on core files and the signal mask. `execve` itself makes the program dumpable and unlocks memory.
    pub fn restore(&self) {
        if let Some(mask) = self.signal_mask {
            signals::set_kernel_mask(mask);
        }
        if let Some((soft, hard)) = self.core_limit {
            let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
        }
    }
}

/// Locks `.bss` and the page where `.data` ends, which is the only one of a release.
fn lock_statics() -> bool {
    unsafe extern "C" {
        static _edata: u8;
        static _end: u8;
    }
    let (start, end) = (&raw const _edata, &raw const _end);
    lock_memory(start, end.addr() - start.addr())
}

/// Keeps a static glibc from loading the modules that `/etc/nsswitch.conf` names. Such a module brings a dynamic libc of
/// the image's own version into the process, which then dies of `SIGFPE`. Must be called before the first host name is
/// looked up; names are then resolved by `/etc/hosts` and DNS.
pub fn disable_nss_modules() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    {
        use std::ffi::{c_char, c_int};
        unsafe extern "C" {
            fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
        }
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: both are C strings, which glibc copies. It is called once, before the first lookup.
        ONCE.call_once(|| unsafe {
            __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr());
        });
    }
}
