//! The README says what the program does: its help, its exit codes and the session of the demo are compared. And the
//! tests that SECURITY.md names exist.

use std::fs;
use std::path::Path;
use std::process::Command;

use vault_exec::error::ExitCode;

use crate::support::process::vault_exec;

const README: &str = include_str!("../../../README.md");
const SECURITY: &str = include_str!("../../../SECURITY.md");

/// The fenced block with this info string.
fn block(info: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```{info}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_options_are_the_help() {
    assert_eq!(block("text help"), stdout(Command::new(vault_exec()).arg("--help")));
}

#[test]
fn the_exit_codes_are_those_of_the_code() {
    for (exit, meaning) in [
        (ExitCode::Failed, "vault-exec failed"),
        (ExitCode::CannotExecute, "the program was found but cannot be executed"),
        (ExitCode::NotFound, "the program was not found"),
    ] {
        let row = format!("\n| {} | {meaning}", exit as i32);
        assert!(README.contains(&row), "{row}");
    }
}

#[test]
fn the_session_is_what_the_demo_prints() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/demo.sh");
    assert_eq!(block("console demo"), stdout(Command::new("sh").arg(script).arg(vault_exec())));
}

/// `memory::wait::some_test` is in `memory/wait.rs` or `memory/wait/mod.rs` of one of these folders.
fn is_a_test(path: &str) -> bool {
    let (module, name) = path.rsplit_once("::").unwrap();
    let module = module.trim_end_matches("::tests").replace("::", "/");
    ["tests/integration", "tests/stack", "src"].iter().any(|folder| {
        [format!("{module}.rs"), format!("{module}/mod.rs")].iter().any(|file| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(file);
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
