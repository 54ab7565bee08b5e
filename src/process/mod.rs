//! `[os]` What keeps secrets out of places where they outlive us: freed memory, our own `environ`, core files, swap.
#![allow(unsafe_code, reason = "memory and process state are its subject")]

pub mod signals;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, c_char};
use std::num::NonZeroUsize;

use nix::libc;
use nix::sys::mman::{MapFlags, MlockAllFlags, ProtFlags, mlockall, mmap_anonymous, munlockall, munmap};
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};
use zeroize::Zeroize;

use crate::env_block::{EnvEntry, InheritedEnv, is_withheld};
use crate::error::ExitCode;

/// An allocator that wipes what it takes back, so that no dependency needs to be trusted to do it.
///
/// `realloc` is deliberately the trait's own, which allocates, copies and gives back: the C library's may move a block
/// and leave the old one as it was.
#[derive(Debug)]
pub struct WipingAllocator;

// SAFETY: every block comes from `System` and goes back to it with the layout it was asked for with.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        there(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        there(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is `layout.size()` bytes that nobody else refers to any more.
        unsafe { std::slice::from_raw_parts_mut(block, layout.size()) }.zeroize();
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Rust would end the process with `SIGABRT` where memory is short.
fn there(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        fail(b"vault-exec: out of memory\nhint: raise the limit (ulimit -v, docker run --memory)\n")
    } else {
        block
    }
}

/// Ends the process at once, with a text that nobody has to make.
fn fail(text: &'static [u8]) -> ! {
    // SAFETY: the text is static; write and _exit touch nothing else.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        libc::_exit(ExitCode::Failed as i32)
    }
}

/// Far more than is ever used, debug builds included.
const STACK: rlim_t = 1024 * 1024;

/// Ends the process where its stack may not grow as large as it is going to: the kernel would, without a word.
pub fn require_min_stack() {
    if getrlimit(Resource::RLIMIT_STACK).is_ok_and(|(soft, _)| soft < STACK) {
        fail(b"vault-exec: the stack is too small\nhint: raise the limit (ulimit -s 8192)\n");
    }
}

/// Makes a panic, which would be a defect of ours, end as every other failure. What it says may quote a value, so it is
/// not told; where it happened is.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = format!("vault-exec: a defect at {place}; the program was not started\nhint: please report it\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        fail(b"");
    }));
}

unsafe extern "C" {
    static environ: *mut *mut c_char;
}

/// Reads the environment and wipes, in the very memory that `/proc/self/environ` shows, each value meant for us.
///
/// What is meant for Rust's own library is out of its sight from then on: with `RUST_BACKTRACE`, every error would walk
/// the stack, for nobody to read, and the tables for that are not in the binary (see `build.rs`).
///
/// To be called once, first thing, while nothing else can be reading it.
#[must_use]
pub fn take_environment() -> InheritedEnv {
    let mut entries = Vec::new();
    // SAFETY: `environ` is null or a null-terminated array of writable C strings (environ(7)), and no other thread runs.
    unsafe {
        let (mut next, mut kept) = (environ, environ);
        while !next.is_null() && !(*next).is_null() {
            let text = CStr::from_ptr(*next).to_bytes();
            if !text.starts_with(b"RUST_") {
                *kept = *next;
                kept = kept.add(1);
            }
            if let Some(entry) = EnvEntry::parse(text) {
                if is_withheld(entry.name()) {
                    let value = (*next).add(entry.name().len() + 1).cast::<u8>();
                    std::slice::from_raw_parts_mut(value, entry.value().len()).zeroize();
                }
                entries.push(entry);
            }
            next = next.add(1);
        }
        if !kept.is_null() {
            *kept = std::ptr::null_mut();
        }
    }
    InheritedEnv::new(entries)
}

/// Wipes what was on the stack and is no longer in use: the keys of a connection, and a private key on its way, pass
/// through there by value. To be called when nothing but the start of the program follows.
#[inline(never)]
pub fn wipe_stack() {
    /// A kernel that calls all of a stack mapped, up to its limit, is not believed for ever.
    const DEEPEST: usize = 1024 * 1024;
    const WINDOW: usize = 16;
    // SAFETY: only asks.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let here = 0_u8;
    let current = (&raw const here).addr() & !(page - 1);
    let (mut below, mut lowest) = (current, current);
    let (mut pages, mut all_there) = (WINDOW, true);
    while pages > 0 && current - below < DEEPEST {
        let start = below.saturating_sub(pages * page);
        let mut states = [0_u8; WINDOW];
        // SAFETY: asks about pages, whether they are there or not, and is answered in a byte of ours for each.
        let there =
            unsafe { libc::mincore(std::ptr::without_provenance_mut(start), pages * page, states.as_mut_ptr()) == 0 };
        if there {
            below = start;
            if let Some(first) = states[..pages].iter().position(|state| state & 1 == 1) {
                lowest = start + first * page;
            }
        }
        // Where some are missing, the end of the stack is among them, nearer each time.
        all_there &= there;
        if !all_there {
            pages /= 2;
        }
    }
    // SAFETY: all from there to the stack pointer is of our own stack, and nothing is kept below that pointer: without
    // `nostack` the compiler does not use the red zone either.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "mov rcx, rsp",
            "sub rcx, rdi",
            "rep stosb",
            inout("rdi") lowest => _,
            in("al") 0_u8,
            out("rcx") _,
        );
    }
    // SAFETY: as above. The stack pointer is a multiple of 16, and so is the start of a page.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "mov {end}, sp",
            "2: cmp {at}, {end}",
            "b.hs 3f",
            "stp xzr, xzr, [{at}], #16",
            "b 2b",
            "3:",
            at = inout(reg) lowest => _,
            end = out(reg) _,
        );
    }
}

/// Clears the vector registers, through which every copy of a secret went: a core holds them too. To be called last.
pub fn wipe_registers() {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::asm;
        let states = vector_states();
        // The C library copies through those from 16 on where there are any, and nothing ever clears them.
        if states & 0xe0 == 0xe0 {
            // SAFETY: the instructions are there, and code for the baseline does not use these registers.
            unsafe {
                asm!(
                    ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                    "vpxord zmm\\n, zmm\\n, zmm\\n",
                    ".endr",
                    options(nomem, nostack, preserves_flags)
                );
            }
        }
        if states & 0b110 == 0b110 {
            // SAFETY: the instruction is there, and the compiler is told of every register it changes.
            unsafe { asm!("vzeroall", clobber_abi("C"), options(nomem, nostack)) }
        } else {
            // SAFETY: every x86-64 has the instructions, and the compiler is told of every register they change.
            unsafe {
                asm!(
                    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                    "xorps xmm\\n, xmm\\n",
                    ".endr",
                    clobber_abi("C"),
                    options(nomem, nostack)
                );
            }
        }
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: every aarch64 with an operating system has the instructions, and the compiler is told of every register
    // they change.
    unsafe {
        std::arch::asm!(
            ".irp n, 0,1,2,3,4,5,6,7,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
            "movi v\\n\\().16b, #0",
            ".endr",
            clobber_abi("C"),
            options(nomem, nostack)
        );
    }
}

/// The vector registers that the kernel keeps for us: `XCR0`, bits 1 and 2 for AVX, 5 to 7 for AVX-512.
///
/// Linux 5.16 and later tell (`ARCH_GET_XCOMP_SUPP`, <https://docs.kernel.org/arch/x86/xstate.html>). To ask the processor
/// costs a virtual machine some microseconds for each `cpuid`, of which Rust's own detection spends a dozen.
#[cfg(target_arch = "x86_64")]
fn vector_states() -> u64 {
    const ARCH_GET_XCOMP_SUPP: libc::c_int = 0x1021;
    const OSXSAVE: u32 = 1 << 27;
    let mut told = 0_u64;
    // SAFETY: the kernel writes 8 bytes, to a place that is ours.
    if unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &raw mut told) } == 0 {
        return told;
    }
    #[allow(unused_unsafe, reason = "newer versions of Rust call it safe")]
    // SAFETY: every x86-64 has the instruction and this leaf.
    let features = unsafe { std::arch::x86_64::__cpuid(1) }.ecx;
    if features & OSXSAVE == 0 {
        return 0;
    }
    let states: u32;
    // SAFETY: `OSXSAVE` says that the instruction is there.
    unsafe { std::arch::asm!("xgetbv", in("ecx") 0, out("eax") states, out("edx") _, options(nomem, nostack)) };
    u64::from(states)
}

/// What was changed about the process and is put back for the program.
#[derive(Debug)]
pub struct Hardened {
    core_limit: Option<(rlim_t, rlim_t)>,
    /// Whether no page of ours can be swapped out.
    pub locked: bool,
}

/// Turns core files off, keeps other processes of the same user out of our memory (`PR_SET_DUMPABLE`), and locks it
/// against swapping where that cannot get in the way.
#[must_use]
pub fn harden() -> Hardened {
    // Nothing can be done about a failure here, and none is known on Linux: both calls take away, which is allowed.
    let _ = set_dumpable(false);
    let core_limit = getrlimit(Resource::RLIMIT_CORE).ok().filter(|(soft, _)| *soft != 0);
    if let Some((_, hard)) = core_limit {
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
    Hardened { core_limit, locked: lock_memory() }
}

impl Hardened {
    /// Puts the limit on core files back. `execve` itself makes the program dumpable again and unlocks memory.
    pub fn undo(&self) {
        if let Some((soft, hard)) = self.core_limit {
            let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
        }
    }
}

/// Room that must be left under `RLIMIT_MEMLOCK`. Under a tighter limit a lock on all future memory would make an
/// ordinary allocation or a growing stack end the process.
const LOCK_HEADROOM: usize = 64 * 1024 * 1024;

fn lock_memory() -> bool {
    let small = |(soft, _)| soft != RLIM_INFINITY && soft < LOCK_HEADROOM as rlim_t;
    let may_be_refused = getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(small);
    // Pages are locked when they are first touched, not all at once.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    if mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault).is_err() {
        return false;
    }
    // A small limit does not hold for a process with CAP_IPC_LOCK: only a trial tells.
    if may_be_refused && !has_headroom() {
        let _ = munlockall();
        return false;
    }
    true
}

fn has_headroom() -> bool {
    let Some(length) = NonZeroUsize::new(LOCK_HEADROOM) else { return false };
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
    let Ok(room) = (unsafe { mmap_anonymous(None, length, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) }) else {
        return false;
    };
    // SAFETY: the mapping made above, which nothing refers to.
    unsafe { munmap(room, LOCK_HEADROOM) }.is_ok()
}

/// Keeps a static glibc from loading the modules that `/etc/nsswitch.conf` names. A module brings a second, dynamic
/// libc of the image's own version into the process, which then dies of `SIGFPE`. To be called before a name is looked
/// up; the file, or a DNS server, answers it.
pub fn disable_nss_modules() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    {
        unsafe extern "C" {
            fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> std::ffi::c_int;
        }
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: both are C strings, which glibc copies. It is called before the first look-up, once.
        ONCE.call_once(|| unsafe {
            __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr());
        });
    }
}
