//! The README says what the program does: its help, its exit codes and the session of the demo are compared.

use std::process::Command;

use vault_exec::failure::Exit;

use crate::bed::vault_exec;

const README: &str = include_str!("../../README.md");

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
        (Exit::Failed, "vault-exec failed"),
        (Exit::CannotExecute, "the program was found but cannot be executed"),
        (Exit::NotFound, "the program was not found"),
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
