//! Keeps out of the static binary what it would read at each start and what it never uses.
#![allow(clippy::disallowed_methods, reason = "cargo speaks to build scripts through variables")]

use std::process::Command;

/// The first glibc whose static start-up code understands packed relocations (`DT_RELR`).
const FIRST_GLIBC: (u32, u32) = (2, 36);

/// Leaves out the tables for unwinding a stack, which the release profile, that aborts at a panic, has no use for
/// once `RUST_BACKTRACE` is out of sight: see `process::take_environment`.
const UNWIND_TABLES: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) } }\nINSERT AFTER .rodata;\n";

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let is_gnu = is("CARGO_CFG_TARGET_ENV", "gnu");
    // 130 kB of relocations less, which start-up applies one by one.
    if is_gnu && glibc().is_some_and(|version| version >= FIRST_GLIBC) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    // 370 kB less. The linkers of GNU and LLVM understand the script, others do not.
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if is_gnu && is("PROFILE", "release") && !flags.contains("mold") {
        let script = std::path::Path::new(&std::env::var("OUT_DIR").unwrap_or_default()).join("no-unwind-tables.ld");
        std::fs::write(&script, UNWIND_TABLES)?;
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
    Ok(())
}

/// `glibc 2.36`
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
