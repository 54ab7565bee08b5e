//! Tests that plain `cargo test` leaves out name what they need.

use std::fs;
use std::path::Path;

fn ignored(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let lines = entries.flat_map(|path| {
        if path.is_dir() {
            return ignored(&path);
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("#[ignore"));
        lines.map(|line| format!("{}: {line}", path.display())).collect()
    });
    lines.collect()
}

#[test]
fn each_ignored_test_needs_root_or_debian() {
    let ignored = ignored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration"));
    assert!(!ignored.is_empty());
    for line in ignored {
        let is_need = ["root: ", "Debian: "].iter().any(|need| line.contains(&format!("#[ignore = \"{need}")));
        assert!(is_need, "{line}");
    }
}
