//! The promises of the design that a reader relies on: what a `[pure]` file does not know, and that no module knows a
//! later step.

use std::fs;
use std::path::{Path, PathBuf};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Every file with its text, tests and comments left out but for the first line.
pub(super) fn sources() -> Vec<(String, String)> {
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code = code.lines().enumerate().filter(|(number, line)| *number == 0 || !line.trim().starts_with("//"));
        let code = code.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        (path.strip_prefix(SRC).unwrap().to_str().unwrap().to_owned(), code)
    };
    files(Path::new(SRC)).into_iter().map(source).filter(|(name, _)| !name.ends_with("tests.rs")).collect()
}

/// `config/path.rs` and `config/mod.rs` are of the module `config`.
fn module(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn pure_files_neither_ask_nor_touch_anything() {
    let sources = sources();
    let pure: Vec<_> = sources.iter().filter(|(_, text)| text.starts_with("//! `[pure]`")).collect();
    assert!(pure.len() > 8, "{}", pure.len());
    for (file, text) in pure {
        // The one file of that step that is pure, too.
        let text = text.replace("crate::vault::report::", "");
        for outside in [
            "tokio",
            "vaultrs",
            "rustify",
            "hyper",
            "rustls",
            "nix::",
            "libc",
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::io",
            "std::os",
            "std::thread",
            "std::time::Instant",
            "crate::vault",
            "crate::process",
            "crate::exec",
            "crate::log",
        ] {
            assert!(!text.contains(outside), "{file} is pure, but knows {outside}");
        }
    }
}

#[test]
fn no_module_knows_a_later_step() {
    let lib = fs::read_to_string(format!("{SRC}/lib.rs")).unwrap();
    let order: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let place = |name: &str| order.iter().position(|module| *module == name);
    for (file, text) in sources() {
        let Some(own) = place(module(&file)) else { continue };
        for used in text.split("crate::").skip(1) {
            let used = used.split([':', ';', ' ', '{', ')']).next().unwrap();
            if let Some(used_place) = place(used) {
                assert!(used_place <= own, "{file} uses {used}, which is a later step");
            }
        }
    }
}

#[test]
fn unsafe_code_is_where_the_architecture_page_says() {
    let mut found: Vec<_> =
        sources().into_iter().filter(|(_, text)| text.contains("unsafe ")).map(|(file, _)| file).collect();
    found.sort();
    let expected =
        ["allocator", "environ", "mod", "panic", "signals", "ticks", "wipe"].map(|name| format!("process/{name}.rs"));
    assert_eq!(found[0], "main.rs");
    assert_eq!(found[1..], expected);
}
