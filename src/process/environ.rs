//! `[os]` Reads the environment of the process, once, and wipes credentials in it.
#![allow(unsafe_code, reason = "`environ` is an array of C strings")]

use std::ffi::{CStr, c_char};

use zeroize::Zeroize;

use crate::env_block::{EnvEntry, GITHUB_TOKEN, InheritedEnv, is_withheld};

unsafe extern "C" {
    static environ: *mut *mut c_char;
}

/// Returns the environment and wipes the values of [withheld](is_withheld) variables and [`GITHUB_TOKEN`] in the very
/// memory that `/proc/self/environ` shows.
///
/// Variables of Rust's standard library are removed from `environ`: with `RUST_BACKTRACE`, each error would walk the
/// stack, and the tables for that are not in the binary (see `build.rs`).
///
/// Must be called once, while no other thread runs.
pub(super) fn take() -> InheritedEnv {
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
            let entry = EnvEntry::parse(text);
            if is_withheld(entry.name()) || entry.name() == GITHUB_TOKEN {
                let value = (*next).add(entry.name().len() + 1).cast::<u8>();
                std::slice::from_raw_parts_mut(value, entry.value().len()).zeroize();
            }
            entries.push(entry);
            next = next.add(1);
        }
        if !kept.is_null() {
            *kept = std::ptr::null_mut();
        }
    }
    InheritedEnv::new(entries)
}
