//! The memory of vault-exec when the program is about to start, and what other processes see of it until then.
//!
//! ```text
//! MemoryCase::of(vault).never("token", token).once("PASSWORD", password)      one copy, and none
//! ```
//!
//! Each login, each connection and each use of a value is a case in a table. A call is stopped at its `execve`, and all of
//! its memory is searched for any piece of a secret in any form.

mod case;
mod search;
mod traced_process;

mod keys;

mod connections;
mod logins;
mod values;

mod hardening;
mod locked;
mod process;
mod traces;
mod wait;

use std::fs::File;
use std::io::Read;

/// New for every run, so that no copy is from anywhere else. No two characters follow each other in ASCII, as they do
/// in the tables by which bytes are encoded.
fn random(length: usize) -> String {
    let mut bytes = vec![0; length];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("random bytes");
    bytes.iter().map(|byte| char::from(b"acegikmoqsuwyBDFHJLNPRTVXZ02468_"[usize::from(byte % 32)])).collect()
}
