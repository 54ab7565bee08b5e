//! Every `console` block of README.md and docs/ is run against a real server, and what it prints is compared.
//!
//! The blocks of a page run in their order in one shell session, in an empty home. Lines that begin with `$ ` are
//! commands; a command goes on behind a `\` at the end of a line, and in lines that begin with `> `. The lines below a
//! command are what it prints, on both outputs: `...` stands for any text within a line, and alone in a line for any
//! number of lines. `127.0.0.1:8200` stands for the server of the page, which knows the token `root`; a page that starts
//! the server itself begins without one. `WRITE_PAGES=1` writes what was printed into the pages.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::openbao::{OpenBao, bao};
use crate::support::process::{free_port, reset_signals, vault_exec};
use crate::support::scratch::new_dir;

/// The server of a page, as the page writes it.
const ADDRESS: &str = "127.0.0.1:8200";

/// Writes what was printed into the pages instead of failing.
pub(super) fn writes_pages() -> bool {
    std::env::var_os("WRITE_PAGES").is_some()
}

macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $name() {
                check($page);
            }
        )*
    };
}

pages! {
    readme: "README.md",
    authentication: "docs/authentication.md",
    check_page: "docs/check.md",
    cli: "docs/cli.md",
    connection: "docs/connection.md",
    files: "docs/files.md",
    mapping: "docs/mapping.md",
    operations: "docs/operations.md",
    project_file: "docs/project-file.md",
    references: "docs/references.md",
    templates: "docs/templates.md",
    write: "docs/write.md",
}

/// A command and what its page says that it prints.
struct Step {
    command: String,
    expected: Vec<String>,
    /// Index of the first line of `expected` in the page.
    line: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut in_block, mut in_command) = (false, false);
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            (in_block, in_command) = (line == "```console", false);
            continue;
        }
        if !in_block {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.into(), expected: Vec::new(), line: number + 1 });
            in_command = true;
            continue;
        }
        let step = steps.last_mut().expect("a block begins with a command");
        let quoted = || if line == ">" { Some("") } else { line.strip_prefix("> ") };
        let more = if step.command.ends_with('\\') { Some(line) } else { quoted() };
        if let Some(more) = more.filter(|_| in_command) {
            write!(step.command, "\n{more}").unwrap();
            step.line = number + 1;
        } else {
            in_command = false;
            step.expected.push(line.into());
        }
    }
    steps
}

/// What a session begins with: its background jobs end with it, and `step` marks where a command begins and leaves `$?` as
/// it was.
const PRELUDE: &str = r"
trap 'kill $(jobs -p) 2>/dev/null' EXIT
step() { local status=$?; printf '\036'; return $status; }
";

/// Runs the steps in one session and returns what each printed.
fn run(steps: &[Step], authority: &str, connected: bool) -> Vec<String> {
    let home = new_dir("page");
    let bin = home.join(".bin");
    fs::create_dir(&bin).unwrap();
    symlink(vault_exec(), bin.join("vault-exec")).unwrap();
    symlink(bao(), bin.join("bao")).unwrap();
    let mut script = PRELUDE.to_owned();
    for step in steps {
        writeln!(script, "step\n{}", step.command.replace(ADDRESS, authority)).unwrap();
        if step.command.ends_with('&') {
            let wait =
                "for try in {1..300}; do bao status -address=http://ADDRESS && break; sleep 0.1; done >/dev/null 2>&1";
            writeln!(script, "{}", wait.replace("ADDRESS", authority)).unwrap();
        }
    }
    let file = bin.join("script");
    fs::write(&file, script).unwrap();
    let output = bin.join("output");
    let written = fs::File::create(&output).unwrap();
    let mut shell = Command::new("bash");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    shell.arg(file).current_dir(&home).env_clear().env("PATH", path).env("HOME", &home);
    shell.stdin(Stdio::null()).stdout(written.try_clone().unwrap()).stderr(written);
    if connected {
        shell.env("VAULT_ADDR", format!("http://{authority}")).env("VAULT_TOKEN", "root");
    }
    reset_signals(&mut shell).status().unwrap();
    let output = String::from_utf8(fs::read(output).unwrap()).unwrap().replace(authority, ADDRESS);
    output.split('\x1e').skip(1).map(str::to_owned).collect()
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((start, rest)) = expected.split_once("...") else { return expected == printed };
    let Some(printed) = printed.strip_prefix(start) else { return false };
    printed.char_indices().map(|(at, _)| at).chain([printed.len()]).any(|at| line_matches(rest, &printed[at..]))
}

fn matches(expected: &[String], printed: &[&str]) -> bool {
    match expected {
        [] => printed.is_empty(),
        [any, rest @ ..] if any == "..." => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        [line, rest @ ..] => {
            printed.split_first().is_some_and(|(first, printed)| line_matches(line, first) && matches(rest, printed))
        }
    }
}

fn check(name: &str) {
    let path = root().join(name);
    let page = fs::read_to_string(&path).unwrap();
    let steps = steps(&page);
    assert!(!steps.is_empty(), "{name} has no console block");
    let starts_server = steps.iter().any(|step| step.command.starts_with("bao server"));
    let server = (!starts_server).then(|| OpenBao::start(&[]));
    if let Some(server) = &server {
        server.api().post("auth/token/create", &json!({"id": "root", "policies": ["root"]}));
    }
    let authority =
        server.as_ref().map_or_else(|| format!("127.0.0.1:{}", free_port()), |server| server.authority.clone());
    let outputs = run(&steps, &authority, server.is_some());
    assert_eq!(outputs.len(), steps.len(), "{name}: the session ended early:\n{}", outputs.join("\n"));

    let mut lines: Vec<&str> = page.lines().collect();
    let mut wrong = String::new();
    for (step, output) in steps.iter().zip(&outputs).rev() {
        let printed: Vec<&str> = output.lines().collect();
        if !matches(&step.expected, &printed) {
            writeln!(wrong, "{name}:{}: $ {}\n{output}", step.line, step.command).unwrap();
            lines.splice(step.line..step.line + step.expected.len(), printed);
        }
    }
    if !wrong.is_empty() && writes_pages() {
        return fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    assert!(wrong.is_empty(), "what was printed instead (WRITE_PAGES=1 writes it into the page):\n{wrong}");
}

#[test]
fn every_page_with_a_console_block_is_run() {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let with_blocks = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("```console\n");
    let mut pages: Vec<String> = docs
        .chain([root().join("README.md")])
        .filter(with_blocks)
        .map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned())
        .collect();
    pages.sort_unstable();
    assert_eq!(pages, PAGES);
}
