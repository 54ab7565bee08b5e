//! Writes the shell completions and the manual page from the one definition of the options, and adds to the page what
//! `--help` has no room for. `make generate` calls it, and CI fails when what is checked in differs.

use std::fs::{create_dir_all, write};
use std::io::Result;
use std::path::Path;

use clap::builder::Resettable;
use clap_complete::{Shell, generate_to};
use vault_exec::args::help::command;

const DESCRIPTION: &str = "\
vault-exec reads secrets from a HashiCorp Vault or OpenBao server, makes environment variables of their keys, wipes its \
own copies and replaces itself with COMMAND (execve). No process of vault-exec stays, so signals, standard input and the \
process ID are COMMAND's own.

If anything fails, COMMAND is not started. A key becomes a variable in upper case, with _ for each byte that a name \
cannot have. Names that make a loader, a shell or an interpreter run code are rejected.";

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let completions = root.join("completions");
    create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command(), "vault-exec", &completions)?;
    }
    let options = command().long_about(DESCRIPTION).after_help(Resettable::Reset);
    let mut page = Vec::new();
    clap_mangen::Man::new(options).render(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    // The version is in the footer.
    let options = page.split(".SH VERSION").next().unwrap_or_default();
    write(root.join("man/vault-exec.1"), format!("{options}{}", include_str!("../man/sections.roff")))
}
