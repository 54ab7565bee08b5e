//! `[pure]` One entry of an environment block, and the block a process was started with.

use std::collections::BTreeSet;

use crate::secret::Secret;

/// `NAME=value` with the terminating NUL, as `execve` takes it: the value is copied in once and never again.
#[derive(Debug)]
pub struct EnvEntry {
    text: Secret,
    name_len: usize,
}

impl EnvEntry {
    /// Joins a name and a value, which must hold no NUL byte (the kernel would end the entry there).
    #[must_use]
    pub fn new(name: &[u8], value: &[u8]) -> Self {
        let mut text = Vec::with_capacity(name.len() + value.len() + 2);
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value);
        text.push(0);
        Self { text: Secret::new(text), name_len: name.len() }
    }

    /// Takes an entry of a process's own block, without its NUL; `None` where no `=` stands behind a name.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let name_len = text.iter().skip(1).position(|&byte| byte == b'=')? + 1;
        Some(Self::new(&text[..name_len], &text[name_len + 1..]))
    }

    /// The part in front of the `=`.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.text.expose()[..self.name_len]
    }

    /// The part behind the `=`, without the NUL.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        let text = self.text.expose();
        &text[self.name_len + 1..text.len() - 1]
    }

    /// The whole, NUL included.
    #[must_use]
    pub fn with_nul(&self) -> &[u8] {
        self.text.expose()
    }
}

/// How the names of variables begin that set up Vault or `OpenBao`, and vault-exec.
const PRODUCTS: [&[u8]; 2] = [b"VAULT_", b"BAO_"];

/// The environment vault-exec was started with, read once; each name once, the first as `getenv` finds it.
#[derive(Debug, Default)]
pub struct InheritedEnv {
    entries: Vec<EnvEntry>,
    /// Where those stand that Vault, `OpenBao` or vault-exec may be set up with.
    settings: Vec<usize>,
}

impl InheritedEnv {
    /// Takes the entries of a block over and drops those a program could not reach.
    #[must_use]
    pub fn new(mut entries: Vec<EnvEntry>) -> Self {
        let mut seen = BTreeSet::new();
        let first: Vec<bool> = entries.iter().map(|entry| seen.insert(entry.name())).collect();
        let mut first = first.into_iter();
        entries.retain(|_| first.next() == Some(true));
        let is_setting = |entry: &EnvEntry| PRODUCTS.iter().any(|product| entry.name().starts_with(product));
        let settings = (0..entries.len()).filter(|&place| is_setting(&entries[place])).collect();
        Self { entries, settings }
    }

    /// The value of a variable, if it is set, empty or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.entry(name).map(EnvEntry::value)
    }

    /// The entry of a variable.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&EnvEntry> {
        self.entries.iter().find(|entry| entry.name() == name.as_bytes())
    }

    /// The entry of a variable whose name starts with `prefix`, which is `VAULT_`, `BAO_` or longer, and goes on as told.
    #[must_use]
    pub fn setting(&self, prefix: &str, is_rest: impl Fn(&[u8]) -> bool) -> Option<&EnvEntry> {
        let is_it = |entry: &&EnvEntry| entry.name().strip_prefix(prefix.as_bytes()).is_some_and(&is_rest);
        self.settings.iter().map(|&place| &self.entries[place]).find(is_it)
    }

    /// The entries, for the block the program gets.
    #[must_use]
    pub fn into_entries(self) -> Vec<EnvEntry> {
        self.entries
    }
}

/// Whether a variable is a credential or a setting meant for vault-exec alone, which its program never sees.
#[must_use]
pub fn is_withheld(name: &[u8]) -> bool {
    const CREDENTIALS: [&[u8]; 5] = [b"TOKEN", b"SECRET_ID", b"JWT", b"ID_TOKEN", b"PASSWORD"];
    name.starts_with(b"VAULT_EXEC_")
        || PRODUCTS.iter().filter_map(|product| name.strip_prefix(*product)).any(|rest| CREDENTIALS.contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_what_execve_takes() {
        let entry = EnvEntry::new(b"A", b"x=y");
        assert_eq!((entry.name(), entry.value(), entry.with_nul()), (&b"A"[..], &b"x=y"[..], &b"A=x=y\0"[..]));
    }

    #[test]
    fn entries_are_read_byte_for_byte() {
        let entry = EnvEntry::parse(b"\xffA=\xfe=").unwrap();
        assert_eq!((entry.name(), entry.value()), (&b"\xffA"[..], &b"\xfe="[..]));
        assert_eq!(
            EnvEntry::parse(b"=C:=x").unwrap().name(),
            b"=C:",
            "a leading = belongs to the name, as getenv has it"
        );
        assert!(EnvEntry::parse(b"no value").is_none());
        assert!(EnvEntry::parse(b"").is_none());
    }

    #[test]
    fn the_first_of_two_is_the_one_a_program_would_find() {
        let inherited =
            InheritedEnv::new(["A=1", "B=2", "A=3"].iter().filter_map(|e| EnvEntry::parse(e.as_bytes())).collect());
        assert_eq!(inherited.get("A"), Some(&b"1"[..]));
        assert_eq!(inherited.into_entries().len(), 2);
    }

    #[test]
    fn what_is_ours_is_known() {
        for name in [
            "VAULT_TOKEN",
            "BAO_TOKEN",
            "VAULT_SECRET_ID",
            "BAO_SECRET_ID",
            "VAULT_JWT",
            "VAULT_PASSWORD",
            "VAULT_EXEC_PATH",
            "VAULT_EXEC_",
        ] {
            assert!(is_withheld(name.as_bytes()), "{name}");
        }
        for name in ["VAULT_ADDR", "VAULT_TOKEN_FILE", "VAULT_ROLE_ID", "VAULT_EXECUTIVE", "MY_VAULT_TOKEN", "TOKEN"] {
            assert!(!is_withheld(name.as_bytes()), "{name}");
        }
    }
}
