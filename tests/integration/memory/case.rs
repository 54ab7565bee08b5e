//! One start and the memory at its `execve`: each secret once, in the string that the kernel
//! gets, and no credential.
#![allow(clippy::print_stdout, reason = "the report of what was searched")]

use std::mem;
use std::ops::Range;

use super::keys::{Named, Tls};
use super::search::{Copy, PIECE, Search, places};
use super::traced_process::TracedProcess;
use crate::support::login::VALUE;
use crate::support::recording_proxy::{Exchange, credentials};
use crate::support::vault::TestVault;

/// A call of vault-exec, the secrets that the program gets, and the secrets that it does not get.
pub(super) struct MemoryCase {
    vault: TestVault,
    /// Name, value and number of copies.
    kept: Vec<(String, Vec<u8>, usize)>,
    never: Vec<Named>,
    /// Return, after the call, what else must not be in memory.
    learned: Vec<Box<Tell>>,
    /// The name of the token of a login that is kept.
    token_in: Option<&'static str>,
    /// How other variables begin that the program gets.
    starts: Vec<&'static str>,
}

/// Returns secrets of a call.
type Tell = dyn FnOnce(&TestVault) -> Vec<Named>;

impl MemoryCase {
    /// A call without secrets.
    pub(super) fn of(vault: TestVault) -> Self {
        Self { vault, kept: Vec::new(), never: Vec::new(), learned: Vec::new(), token_in: None, starts: Vec::new() }
    }

    /// A call of a locked test vault, whose secret the program gets.
    pub(super) fn entering(vault: TestVault) -> Self {
        Self::of(vault).once("K", VALUE)
    }

    /// Sets a variable.
    pub(super) fn env(self, name: &str, value: &str) -> Self {
        Self { vault: self.vault.env(name, value), ..self }
    }

    /// The program gets this variable, and there is one copy of it.
    pub(super) fn once(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.keeping(name, value, 1)
    }

    /// The program inherits this variable: there is one copy in the block that the kernel made for vault-exec, too.
    pub(super) fn inherited(self, name: &str, value: &str) -> Self {
        self.env(name, value).keeping(name, value, 2)
    }

    fn keeping(mut self, name: &str, value: impl AsRef<[u8]>, times: usize) -> Self {
        self.kept.push((name.to_owned(), value.as_ref().to_vec(), times));
        self
    }

    /// There is no copy of this value.
    pub(super) fn never(mut self, what: &str, value: impl AsRef<[u8]>) -> Self {
        self.never.push((what.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// There is no copy of these.
    pub(super) fn none_of(mut self, secrets: Vec<Named>) -> Self {
        self.never.extend(secrets);
        self
    }

    /// There is no copy of secrets that are known only after the call.
    pub(super) fn none_of_later(mut self, tell: impl FnOnce(&TestVault) -> Vec<Named> + 'static) -> Self {
        self.learned.push(Box::new(tell));
        self
    }

    /// There is no copy of the login token.
    pub(super) fn obtaining(self) -> Self {
        self.none_of_later(|vault| vec![("token of the login".to_owned(), obtained(vault).into())])
    }

    /// There is no copy of the credentials in requests or responses with this field name.
    pub(super) fn hearing(self, name: &'static str) -> Self {
        self.none_of_later(move |vault| {
            let heard: Vec<_> =
                credentials(&vault.exchanges()).into_iter().filter(|(other, _)| *other == name).collect();
            assert!(!heard.is_empty(), "no {name} was heard of");
            heard.into_iter().map(|(name, secret)| (name.to_owned(), secret.into())).collect()
        })
    }

    /// Keeps a guard until the call has ended.
    pub(super) fn with(self, guard: impl Sized + 'static) -> Self {
        self.none_of_later(move |_| {
            drop(guard);
            Vec::new()
        })
    }

    /// The program gets the login token.
    pub(super) fn keeping_the_token(self) -> Self {
        Self { token_in: Some("VAULT_TOKEN"), ..self }
    }

    /// The program gets a variable that begins like this.
    pub(super) fn passing(mut self, start: &'static str) -> Self {
        self.starts.push(start);
        self
    }

    /// The same with a recording proxy that speaks TLS.
    pub(super) fn over(self, tls: Tls) -> Self {
        let vault = self.vault.clone().file("ca", &tls.ca).args(["--ca-cert", "ca"]);
        let vault = vault.intercepted_over_tls(Some(tls.config.clone()), |_| None);
        Self { vault, ..self }.none_of_later(move |_| tls.secrets())
    }

    /// Runs the call. Prints what is searched for, and returns all unexpected copies as an error.
    #[track_caller]
    fn prove(mut self, name: &str) -> Result<(), String> {
        print!("{name}: ");
        let process = TracedProcess::on(&self.vault);
        self.learn();
        let search = self.search();
        let size: usize = process.memory.iter().map(|region| region.bytes.len()).sum();
        println!("{}; {} pieces in {} KiB", self.words(), search.pieces(), size / 1024);

        let mut faults = Vec::new();
        let allowed = self.variables(&process, &mut faults);
        let is_allowed =
            |copy: &Copy| allowed.iter().any(|place| place.start <= copy.range.start && copy.range.end <= place.end);
        let copies = search.in_memory(&process.memory).into_iter().filter(|copy| !is_allowed(copy));
        faults.extend(copies.map(|copy| copy.to_string()));
        faults.extend(search.in_memory(&process.unlocked).into_iter().map(|copy| format!("not locked: {copy}")));
        if search.in_registers(&process.registers) {
            faults.push("a part of a secret in the registers".to_owned());
        }
        if search.in_bytes(process.stderr.as_bytes()) {
            faults.push("a part of a secret on standard error".to_owned());
        }
        if faults.is_empty() { Ok(()) } else { Err(format!("{name}:\n    {}\n", faults.join("\n    "))) }
    }

    /// Adds the secrets that are known after the call.
    fn learn(&mut self) {
        if let Some(variable) = self.token_in {
            self.kept.push((variable.to_owned(), obtained(&self.vault).into(), 1));
        }
        for tell in mem::take(&mut self.learned) {
            self.never.extend(tell(&self.vault));
        }
        let heard = credentials(&self.vault.exchanges()).into_iter().filter(|(_, value)| value.len() >= PIECE);
        self.never.extend(heard.map(|(name, value)| (name.to_owned(), value.into())));
    }

    fn search(&self) -> Search {
        let mut search = Search::default();
        let kept = self.kept.iter().map(|(name, value, _)| (name, value));
        for (name, secret) in kept.chain(self.never.iter().map(|(name, secret)| (name, secret))) {
            assert!(secret.len() >= PIECE, "{name} is too short to be found");
            search.add(name, secret);
        }
        search
    }

    /// A summary of what is searched for.
    fn words(&self) -> String {
        let mut never: Vec<_> = self.never.iter().filter_map(|(name, _)| name.split(':').next()).collect();
        never.sort_unstable();
        never.dedup();
        let kept: Vec<_> = self.kept.iter().map(|(name, _, times)| format!("{name} × {times}")).collect();
        format!("{}; no {}", kept.join(", "), never.join(", no "))
    }

    /// The locations of the variables, the only ones that may contain secrets.
    fn variables(&self, process: &TracedProcess, faults: &mut Vec<String>) -> Vec<Range<u64>> {
        let mut allowed = Vec::new();
        let block = || process.stdout.split_inclusive(|&byte| byte == 0);
        for (name, value, times) in &self.kept {
            let entry = [name.as_bytes(), b"=", value, b"\0"].concat();
            let places = places(&process.memory, &entry);
            if places.len() != *times {
                faults.push(format!("{} copies of the variable {name}, and not {times}: {places:x?}", places.len()));
            }
            allowed.extend(places);
            let got = block().filter(|other| **other == entry).count();
            if got != 1 {
                faults.push(format!("the program got {name} {got} times"));
            }
        }
        for start in &self.starts {
            if !block().any(|entry| entry.starts_with(start.as_bytes())) {
                faults.push(format!("the program did not get {start}…"));
            }
        }
        allowed
    }
}

/// The login token.
fn obtained(vault: &TestVault) -> String {
    let exchanges = vault.exchanges();
    let mut answers = exchanges.iter().map(Exchange::response);
    answers.find_map(|answer| Some(answer["auth"]["client_token"].as_str()?.to_owned())).expect("a login")
}

/// Runs all cases and fails with all unexpected copies.
#[track_caller]
pub(super) fn prove_all(cases: impl IntoIterator<Item = (String, MemoryCase)>) {
    let faults: Vec<_> = cases.into_iter().filter_map(|(name, case)| case.prove(&name).err()).collect();
    assert!(faults.is_empty(), "\n{}", faults.concat());
}
