//! Reads the command line and the environment once, runs, says what went wrong. Decides nothing.
#![no_main]
#![allow(unsafe_code, reason = "the entry point of C and its arguments")]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use vault_exec::process::{self, WipingAllocator};

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

/// The entry point of the C library. Rust's own would first open descriptors that were closed, ignore `SIGPIPE` and set
/// up handlers, all of which the program would notice or wait for.
///
/// # Safety
/// `arguments` are `count` C strings that live as long as the process, as the C library passes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    process::require_min_stack();
    vault_exec::exec::reserve_stdio();
    vault_exec::process::signals::ignore_write_signals();
    process::install_panic_hook();
    let hardened = process::harden();
    let inherited = process::take_environment();
    let argument = |index| {
        // SAFETY: the index is below `count`; see above.
        let text = unsafe { CStr::from_ptr(*arguments.add(index)) };
        OsStr::from_bytes(text.to_bytes()).to_os_string()
    };
    let line: Vec<OsString> = (0..usize::try_from(count).unwrap_or(0)).map(argument).collect();
    vault_exec::main(&line, inherited, &hardened)
}
