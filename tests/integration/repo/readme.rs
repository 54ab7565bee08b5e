//! README.md, docs/ and SECURITY.md say what is true: the help, the exit codes, the session of the demo, the schema of
//! `--check`, the numbers of the benchmark, the links and the tests that are named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vault_exec::error::ExitCode;

use super::pages::writes_pages;
use crate::support::process::vault_exec;
use crate::support::vault::TestVault;

const SECURITY: &str = include_str!("../../../SECURITY.md");

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The fenced block of a page with this info string.
fn block(name: &str, info: &str) -> String {
    let page = page(name);
    let (_, rest) = page.split_once(&format!("```{info}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Compares a block, or writes it (`WRITE_PAGES=1`).
#[track_caller]
fn block_is(name: &str, info: &str, expected: &str) {
    let shown = block(name, info);
    if shown != expected && writes_pages() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        return fs::write(path, page(name).replace(&shown, expected)).unwrap();
    }
    assert_eq!(shown, expected);
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_options_are_the_help() {
    block_is("docs/cli.md", "text help", &stdout(Command::new(vault_exec()).arg("--help")));
}

#[test]
fn the_exit_codes_are_those_of_the_code() {
    for (exit, meaning) in [
        (ExitCode::Failed, "vault-exec failed"),
        (ExitCode::CannotExecute, "the program was found but cannot be executed"),
        (ExitCode::NotFound, "the program was not found"),
    ] {
        let row = format!("\n| {} | {meaning}", exit as i32);
        for name in ["README.md", "docs/cli.md"] {
            assert!(page(name).contains(&row), "{name}: {row}");
        }
    }
}

#[test]
fn the_session_is_what_the_demo_prints() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.sh");
    block_is("docs/evidence.md", "console demo", &stdout(Command::new("sh").arg(script).arg(vault_exec())));
}

#[test]
fn the_readme_is_short() {
    let lines = page("README.md").lines().count();
    assert!(lines <= 160, "{lines} lines");
}

/// A number in the first row with that name, of one machine's section of benches/RESULTS.md.
fn measured(section: &str, row: &str, column: &str) -> f64 {
    let (_, tables) = section.split_once("\n### As a container finds the files\n").unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut rows = tables.lines().filter(|line| line.starts_with('|')).map(cells);
    let column = rows.next().unwrap().iter().position(|name| name == column).unwrap();
    rows.find(|cells| cells[0] == row).unwrap()[column].parse().unwrap()
}

#[test]
fn the_numbers_of_the_readme_are_those_of_the_worst_machine() {
    let results = page("benches/RESULTS.md");
    let sections: Vec<&str> = results.split("\n## ").skip(1).collect();
    let ratio = |section: &&str| measured(section, "vault-exec, HTTP", "× floor");
    let worst = sections.into_iter().max_by(|one, other| ratio(one).total_cmp(&ratio(other))).unwrap();
    let wall = |row| measured(worst, row, "wall, ms");
    let readme = page("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        format!("One static file of {:.1} MB.", measured(worst, "vault-exec, HTTP", "on disk, MB")),
        format!("A start takes {:.1} ms over HTTP,", wall("vault-exec, HTTP")),
        format!("{:.2} times a minimal C program", ratio(&worst)),
        format!("and {:.1} ms over TLS,", wall("vault-exec, TLS")),
        format!("{:.2} times", measured(worst, "vault-exec, TLS", "× floor")),
        format!("`sh` with `curl` and `jq` takes {:.0} ms", wall("sh, curl and jq")),
        format!("Python with hvac {:.0} ms", wall("Python with hvac")),
    ] {
        assert!(readme.contains(&text), "{text}");
    }
}

/// Whether a value has exactly the keys, and one of the words, that the schema gives it.
fn follows(schema: &Value, value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            let keys: BTreeSet<&str> = object.keys().map(String::as_str).collect();
            let required = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
            required.collect::<BTreeSet<_>>() == keys
                && schema["properties"].as_object().unwrap().len() == keys.len()
                && object.iter().all(|(key, value)| follows(&schema["properties"][key], value))
        }
        Value::Array(items) => items.iter().all(|item| follows(&schema["items"], item)),
        value => {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "integer",
                _ => "string",
            };
            match &schema["enum"] {
                Value::Array(words) => words.contains(value),
                _ => {
                    schema["type"] == kind
                        || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&kind.into()))
                }
            }
        }
    }
}

#[test]
fn the_schema_is_that_of_the_check() {
    let schema: Value = serde_json::from_str(&block("docs/check.md", "json")).unwrap();
    let vault = TestVault::kv2().secret("a", [("k", "1"), ("HOME", "2")]).secret("b", [("k", "3")]).path("a").path("b");
    let vault =
        vault.args(["--allow-name", "HOME", "--set", "S={k}", "--file", "F={k}", "--check", "--format", "json"]);
    for (more, problems) in [(&[][..], false), (&["--require", "NONE"], true), (&["--on-conflict", "env"], false)] {
        let output = vault.clone().args(more.to_vec()).run(["true"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["ok"], !problems);
        assert!(follows(&schema, &report), "{report:#}");
    }
}

/// The pages that people read.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docker/README.md"].map(|name| root.join(name));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    docs.chain(top).collect()
}

/// A heading as GitHub links to it.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let anchors = || {
                fs::read_to_string(&file).unwrap().lines().any(|line| line.starts_with('#') && anchor(line) == heading)
            };
            if !file.exists() || !(heading.is_empty() || anchors()) {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The text of everything in a directory.
fn text_of(dir: &Path) -> String {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { text_of(&path) } else { fs::read_to_string(path).unwrap() }).collect()
}

#[test]
fn the_messages_of_the_troubleshooting_page_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Some are the words of the kernel or of a library: those that are tried.
    let source = text_of(&root.join("src")) + &text_of(&root.join("tests/integration/cli")) + &page("tests/FAULTS.md");
    // A literal may go on in the next line.
    let source = source.split("\\\n").map(str::trim_start).collect::<String>();
    let page = page("docs/troubleshooting.md");
    let (by_message, _) = page.split_once("\n## No message").unwrap();
    let rows = by_message.lines().filter_map(|line| line.strip_prefix("| `"));
    let messages = rows.map(|row| row.split(" | ").next().unwrap()).flat_map(|cell| cell.split('`').step_by(2));
    let fragments: Vec<&str> =
        messages.flat_map(|message| message.split('…')).map(|part| part.trim_matches([' ', ',', ':'])).collect();
    let missing: Vec<_> = fragments.iter().filter(|fragment| !source.contains(**fragment)).collect();
    assert!(missing.is_empty(), "no message has {missing:#?}");
}

/// `memory::wait::some_test` is in `memory/wait.rs`, `memory/wait/mod.rs` or `memory/wait/tests.rs` of one of these folders.
fn is_a_test(path: &str) -> bool {
    let (module, name) = path.rsplit_once("::").unwrap();
    let module = module.trim_end_matches("::tests").replace("::", "/");
    ["tests/integration", "tests/stack", "src"].iter().any(|folder| {
        ["", "/mod", "/tests"].iter().any(|end| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{module}{end}.rs"));
            let text = fs::read_to_string(file).unwrap_or_default();
            text.split("\n\n").any(|item| item.contains("#[test]") && item.contains(&format!("fn {name}()")))
        })
    })
}

#[test]
fn the_tests_that_the_threat_model_names_exist() {
    let named: Vec<_> = SECURITY.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
    assert!(named.len() > 25, "{}", named.len());
    let missing: Vec<_> = named.iter().filter(|path| !is_a_test(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
