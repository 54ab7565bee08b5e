//! `[os]` Wipes the stack and the vector registers just before `execve`: a core file taken there would hold both.
#![allow(unsafe_code, reason = "reads the stack pointer and clears registers")]

use nix::libc;

use super::allocator::lock_memory;

/// More of the stack than is ever used, debug builds included.
const STACK_BYTES: usize = 512 * 1024;

/// Locks the stack from its top, where the kernel put arguments and environment, to [`STACK_BYTES`] below the caller, and
/// what it grows by below. Returns whether that is permitted.
pub(super) fn lock_stack() -> bool {
    // The kernel maps the stack down to an address that is used, and the mapping that is locked whole grows locked. Before
    // Linux 5.0 the address must be near the stack pointer.
    let bottom: *const u8;
    // SAFETY: the limit allows as much (`require_min_stack`), nothing is written, and the stack pointer is restored.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "sub rsp, {size}",
            "test byte ptr [rsp], 0",
            "mov {bottom}, rsp",
            "add rsp, {size}",
            size = in(reg) STACK_BYTES,
            bottom = out(reg) bottom,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "sub sp, sp, {size}",
            "ldrb wzr, [sp]",
            "mov {bottom}, sp",
            "add sp, sp, {size}",
            size = in(reg) STACK_BYTES,
            bottom = out(reg) bottom,
        );
    }
    // The name of the program is the last string on the stack.
    // SAFETY: only a query.
    let top = usize::try_from(unsafe { libc::getauxval(libc::AT_EXECFN) }).unwrap_or(0);
    top.checked_sub(bottom.addr()).is_some_and(|length| lock_memory(bottom, length))
}

/// Wipes the unused part of the stack: session keys and private keys pass through it by value. Must be called last before
/// `execve`, together with [`wipe_registers`].
#[inline(never)]
pub fn wipe_stack() {
    /// Less than [`lock_stack`] has mapped, by more than what its caller used.
    const WIPED_BYTES: usize = STACK_BYTES - 64 * 1024;
    const MIN_PAGE_BYTES: usize = 4096;
    // SAFETY: only a query.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(MIN_PAGE_BYTES);
    let mut states = [0_u8; WIPED_BYTES / MIN_PAGE_BYTES];
    // Whole pages below this function's own memory.
    let end = (states.as_ptr().addr() & !(page - 1)) - page;
    let start = end - WIPED_BYTES;
    // SAFETY: `mincore` writes one byte for each page, and fails if a page is not mapped.
    let _ = unsafe { libc::mincore(std::ptr::without_provenance_mut(start), WIPED_BYTES, states.as_mut_ptr()) };
    let unused = states.iter().take_while(|state| *state & 1 == 0).count();
    let lowest = (start + unused * page).min(end);
    // SAFETY: everything from `lowest` to the stack pointer belongs to this stack, and nothing is live below that pointer:
    // without `nostack` the compiler does not use the red zone either.
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

/// Clears the vector registers: `memcpy` moves every secret through them.
pub fn wipe_registers() {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::asm;
        let states = vector_states();
        // The C library copies through registers 16 to 31 if they exist, and nothing else ever clears them.
        if states & 0xe0 == 0xe0 {
            // SAFETY: the processor has these instructions, and baseline code does not use these registers.
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
            // SAFETY: the processor has the instruction, and `clobber_abi` declares the registers it changes.
            unsafe { asm!("vzeroall", clobber_abi("C"), options(nomem, nostack)) }
        } else {
            // SAFETY: every x86-64 has the instructions, and `clobber_abi` declares the registers they change.
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
    // SAFETY: every aarch64 that runs Linux has the instructions, and `clobber_abi` declares the registers they change.
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

/// The vector registers that the kernel saves and restores: `XCR0`, bits 1 and 2 for AVX, 5 to 7 for AVX-512.
///
/// Linux 5.16 and later answer this (`ARCH_GET_XCOMP_SUPP`, <https://docs.kernel.org/arch/x86/xstate.html>). `cpuid`, which
/// the standard library's detection runs a dozen times, costs microseconds each in a virtual machine.
#[cfg(target_arch = "x86_64")]
fn vector_states() -> u64 {
    const ARCH_GET_XCOMP_SUPP: libc::c_int = 0x1021;
    const OSXSAVE: u32 = 1 << 27;
    let mut supported = 0_u64;
    // SAFETY: the kernel writes 8 bytes, to a local variable.
    if unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &raw mut supported) } == 0 {
        return supported;
    }
    #[allow(unused_unsafe, reason = "newer versions of Rust call it safe")]
    // SAFETY: every x86-64 has the instruction and leaf 1.
    let features = unsafe { std::arch::x86_64::__cpuid(1) }.ecx;
    if features & OSXSAVE == 0 {
        return 0;
    }
    let states: u32;
    // SAFETY: `OSXSAVE` means that the instruction exists.
    unsafe { std::arch::asm!("xgetbv", in("ecx") 0, out("eax") states, out("edx") _, options(nomem, nostack)) };
    u64::from(states)
}
