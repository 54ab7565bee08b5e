//! Writes the shell completions and the manual page from the one definition of the options. `make generate` calls it,
//! and CI fails when what is checked in differs.

use std::fs::{File, create_dir_all};
use std::io::{Result, Write};
use std::path::Path;

use clap_complete::{Shell, generate_to};
use vault_exec::args;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let completions = root.join("completions");
    create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut args::definition(), "vault-exec", &completions)?;
    }
    let manual = root.join("man");
    create_dir_all(&manual)?;
    let mut page = Vec::new();
    clap_mangen::Man::new(args::definition()).render(&mut page)?;
    File::create(manual.join("vault-exec.1"))?.write_all(&page)
}
