//! The C entry point: prepares the process, collects the arguments, and calls [`vault_exec::run_cli`].
#![no_main]
#![allow(unsafe_code, reason = "C passes the arguments as pointers")]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use vault_exec::process::{self, WipingAllocator};

#[cfg(all(not(debug_assertions), not(target_feature = "crt-static")))]
compile_error!(
    "a release of vault-exec must be static: install it for musl, with `rustup target add x86_64-unknown-linux-musl` and \
     `cargo install --target x86_64-unknown-linux-musl vault-exec` (on arm64: aarch64-unknown-linux-musl)"
);

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::new();

/// The C library calls the functions of this section before `main`: musl has no earlier one (`.preinit_array`).
#[used]
#[unsafe(link_section = ".init_array.00000")]
static FIRST: extern "C" fn() = process::deny_access;

/// Replaces Rust's entry point, which would open closed descriptors, ignore `SIGPIPE` and install handlers: the program
/// would notice all of that, and it costs time.
///
/// # Safety
/// `arguments` are `count` C strings that live as long as the process, as the C library passes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let (inherited, hardened) = process::prepare(&ALLOCATOR);
    let argument = |index| {
        // SAFETY: the index is below `count`; see above.
        let text = unsafe { CStr::from_ptr(*arguments.add(index)) };
        OsStr::from_bytes(text.to_bytes()).to_os_string()
    };
    let argv: Vec<OsString> = (0..usize::try_from(count).unwrap_or(0)).map(argument).collect();
    vault_exec::run_cli(&argv, inherited, &hardened)
}
