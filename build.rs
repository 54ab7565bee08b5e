//! Linker options that make the static binary smaller and its start faster.
#![allow(clippy::disallowed_methods, reason = "cargo passes its settings in variables")]

use std::process::Command;

/// The first glibc whose static start-up code supports packed relocations (`DT_RELR`).
const FIRST_GLIBC: (u32, u32) = (2, 36);

/// Linker script that discards the unwind tables. The release profile aborts on panic, and `process::prepare`
/// hides `RUST_BACKTRACE`, so nothing reads them.
const UNWIND_TABLES: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) } }\nINSERT AFTER .rodata;\n";

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let var_is = |name: &str, value: &str| std::env::var(name).is_ok_and(|actual| actual == value);
    let is_gnu = var_is("CARGO_CFG_TARGET_ENV", "gnu");
    // Saves 130 kB of relocations, which start-up applies one by one.
    if is_gnu && glibc_version().is_some_and(|version| version >= FIRST_GLIBC) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    // Saves 370 kB. GNU ld and LLD support INSERT in a linker script; mold does not.
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if is_gnu && var_is("PROFILE", "release") && !flags.contains("mold") {
        let script = std::path::Path::new(&std::env::var("OUT_DIR").unwrap_or_default()).join("no-unwind-tables.ld");
        std::fs::write(&script, UNWIND_TABLES)?;
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
    Ok(())
}

/// Major and minor version, parsed from `glibc 2.36`.
fn glibc_version() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
