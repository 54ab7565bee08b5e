//! `[pure]` Entries of an environment block, and the inherited environment.

use std::collections::BTreeSet;

use crate::secret::Secret;

/// `NAME=value` with the terminating NUL, as `execve` takes it, so that the value is copied only once.
#[derive(Debug)]
pub struct EnvEntry {
    text: Secret,
    /// The index of the `=`; 0 in an entry without a name.
    name_len: usize,
}

impl EnvEntry {
    /// Joins a name and a value. Neither may contain a NUL byte: the entry would end there.
    pub fn new(name: &[u8], value: &[u8]) -> Self {
        let mut text = Vec::with_capacity(name.len() + value.len() + 2);
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value);
        text.push(0);
        Self { text: Secret::new(text), name_len: name.len() }
    }

    /// Parses an entry of a block, without its NUL. Without a `=` after its first byte it has no name: `getenv` cannot
    /// reach it, and glibc's treats a leading `=` as part of the name.
    pub fn parse(text: &[u8]) -> Self {
        let name_len = text.iter().skip(1).position(|&byte| byte == b'=').map_or(0, |index| index + 1);
        Self { text: Secret::new([text, b"\0"].concat()), name_len }
    }

    /// The bytes before the `=`; empty without a name.
    pub fn name(&self) -> &[u8] {
        &self.text.expose()[..self.name_len]
    }

    /// The bytes after the `=`, without the NUL; empty without a name.
    pub fn value(&self) -> &[u8] {
        match self.text.expose() {
            [text @ .., _] if self.name_len > 0 => &text[self.name_len + 1..],
            _ => &[],
        }
    }

    /// The whole entry, including the NUL.
    pub fn with_nul(&self) -> &[u8] {
        self.text.expose()
    }
}

/// Prefixes of the variables that configure Vault, `OpenBao` and vault-exec.
const PREFIXES: [&[u8]; 2] = [b"VAULT_", b"BAO_"];

/// The environment that vault-exec was started with. Each name occurs once; of duplicates the first is kept, which
/// `getenv` returns. Entries without a name are all kept.
#[derive(Debug, Default)]
pub struct InheritedEnv {
    entries: Vec<EnvEntry>,
    /// Indices into `entries` of names with one of [`PREFIXES`].
    vault_indices: Vec<usize>,
}

impl InheritedEnv {
    /// Drops the entries that `getenv` cannot reach.
    pub fn new(mut entries: Vec<EnvEntry>) -> Self {
        let mut seen = BTreeSet::new();
        let names = entries.iter().map(EnvEntry::name);
        let first: Vec<bool> = names.map(|name| name.is_empty() || seen.insert(name)).collect();
        let mut first = first.into_iter();
        entries.retain(|_| first.next() == Some(true));
        let has_prefix = |entry: &EnvEntry| PREFIXES.iter().any(|prefix| entry.name().starts_with(prefix));
        let vault_indices = (0..entries.len()).filter(|&index| has_prefix(&entries[index])).collect();
        Self { entries, vault_indices }
    }

    /// The value of a variable; `Some` of no bytes if it is set but empty.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.entry(name).map(EnvEntry::value)
    }

    /// The entry of a variable.
    pub fn entry(&self, name: &str) -> Option<&EnvEntry> {
        self.entries.iter().find(|entry| entry.name() == name.as_bytes())
    }

    /// The first entry whose name is `prefix` and a rest for which `is_rest` is true. `prefix` must start with `VAULT_` or
    /// `BAO_`: only those names are searched.
    pub fn find_prefixed(&self, prefix: &str, is_rest: impl Fn(&[u8]) -> bool) -> Option<&EnvEntry> {
        let matches = |entry: &&EnvEntry| entry.name().strip_prefix(prefix.as_bytes()).is_some_and(&is_rest);
        self.vault_indices.iter().map(|&index| &self.entries[index]).find(matches)
    }

    /// The entries in their order.
    pub fn entries(&self) -> &[EnvEntry] {
        &self.entries
    }

    /// The same, for the program.
    pub fn into_entries(self) -> Vec<EnvEntry> {
        self.entries
    }
}

/// The credential of a job on GitHub Actions, which is withheld from the program only if it was used.
pub const GITHUB_TOKEN: &[u8] = b"ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Whether a variable is a credential or a setting of vault-exec, which the program does not inherit.
pub fn is_withheld(name: &[u8]) -> bool {
    const CREDENTIALS: [&[u8]; 5] = [b"TOKEN", b"SECRET_ID", b"JWT", b"ID_TOKEN", b"PASSWORD"];
    name.starts_with(b"VAULT_EXEC_")
        || PREFIXES.iter().filter_map(|prefix| name.strip_prefix(*prefix)).any(|rest| CREDENTIALS.contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_ends_with_nul() {
        let entry = EnvEntry::new(b"A", b"x=y");
        assert_eq!((entry.name(), entry.value(), entry.with_nul()), (&b"A"[..], &b"x=y"[..], &b"A=x=y\0"[..]));
    }

    #[test]
    fn entries_are_read_byte_for_byte() {
        let entry = EnvEntry::parse(b"\xffA=\xfe=");
        assert_eq!((entry.name(), entry.value()), (&b"\xffA"[..], &b"\xfe="[..]));
        assert_eq!(EnvEntry::parse(b"=C:=x").name(), b"=C:", "a leading = belongs to the name, as for getenv");
    }

    #[test]
    fn entries_without_a_name_are_kept() {
        let texts = ["no value", "=x", "=", "", "no value"];
        let inherited = InheritedEnv::new(texts.iter().map(|text| EnvEntry::parse(text.as_bytes())).collect());
        for (entry, text) in inherited.into_entries().iter().zip(texts) {
            assert_eq!((entry.name(), entry.value()), (&b""[..], &b""[..]), "{text}");
            assert_eq!(entry.with_nul(), format!("{text}\0").as_bytes());
        }
    }

    #[test]
    fn of_duplicates_the_first_is_kept() {
        let inherited =
            InheritedEnv::new(["A=1", "B=2", "A=3"].iter().map(|text| EnvEntry::parse(text.as_bytes())).collect());
        assert_eq!(inherited.get("A"), Some(&b"1"[..]));
        assert_eq!(inherited.into_entries().len(), 2);
    }

    #[test]
    fn credentials_and_own_settings_are_withheld() {
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
