//! Writes the shell completions and the manual page from the table of options. `make generate` runs it, and CI fails if
//! the result differs from what is checked in.

use std::fs::{File, create_dir_all};
use std::io::{Result, Write};
use std::path::Path;

use clap_complete::{Shell, generate_to};
use vault_exec::args::help::command;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let completions = root.join("completions");
    create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command(), "vault-exec", &completions)?;
    }
    let manual = root.join("man");
    create_dir_all(&manual)?;
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page)?;
    File::create(manual.join("vault-exec.1"))?.write_all(&page)
}
