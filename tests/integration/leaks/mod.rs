//! No output contains a secret. Calls with secrets in every possible place provoke every message of the source, in
//! every log mode, and no output contains a part of a secret in any form.
//!
//! The messages are read from the source: a new one fails this test until a case provokes it, which is one line in one
//! of the files beside this one.

mod canary;
mod logins;
mod server;
mod settings;
mod source;
mod start;
mod tls;
mod writes;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::requires_root;
use crate::support::vault::TestVault;
use canary::{canary, found};
use source::{Pattern, Source};

/// `--check`, which has no variable but precedes the other options.
const CHECK: &str = "--check";

/// Verbosity, format and [`CHECK`], as variables, so that they apply even if the options are wrong. The last three also
/// ask the libraries for their most detailed output.
const LOG_MODES: [&[(&str, &str)]; 6] = [
    &[],
    &[("VAULT_EXEC_VERBOSE", "1")],
    &[(CHECK, ""), ("VAULT_EXEC_FORMAT", "json")],
    &[("VAULT_EXEC_VERBOSE", "2"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")],
    &[
        ("VAULT_EXEC_VERBOSE", "2"),
        ("VAULT_EXEC_LOG_FORMAT", "json"),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
    ],
    &[("VAULT_EXEC_VERBOSE", "3"), (CHECK, ""), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")],
];

/// Literals of the source that no output can contain, and why.
const UNREACHABLE: [(&[&str], &str); 10] = [
    (
        &["an argument contains a NUL byte", "a variable contains a NUL byte"],
        "no C string holds one, and nothing else comes so far",
    ),
    (&["prepare TLS"], "what it is given is a part of the program"),
    (&["the lookup was cancelled"], "a thread that panics ends the process"),
    (&["the server's certificate is for another name"], "rustls always says for which one"),
    (
        &["keys and values", "a string is not valid JSON text", "not a credential"],
        "no error of serde leaves the function that parses",
    ),
    (
        &[
            "error: ",
            "Client sent an HTTP request to an HTTPS server",
            "The plain HTTP request was sent to HTTPS port",
            "speaking plain HTTP to an SSL-enabled server port",
            "no handler for route",
            "Invalid path for a versioned K/V secrets engine",
            "namespace not found",
            "failed to lookup address information: ",
            "uncategorized error",
            "operation would block",
            "invalid input parameter",
        ],
        "others say it, and it is recognized",
    ),
    (&["Program to run, looked up in PATH, and its arguments"], "completions say it, which are made while we build"),
    (
        &["a name with a character outside A-Z, a-z, 0-9 and _"],
        "such a character of a key becomes `_`, and the message about an option does not say which rule its name breaks",
    ),
    (&["Bearer ", "Basic {}"], "they are sent"),
    (
        &[
            ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
            "vpxord zmm\\n, zmm\\n, zmm\\n",
            ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
            "xorps xmm\\n, xmm\\n",
            ".irp n, 0,1,2,3,4,5,6,7,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
            "movi v\\n\\().16b, #0",
            "sub rsp, {size}",
            "test byte ptr [rsp], 0",
            "mov {bottom}, rsp",
            "add rsp, {size}",
            "sub sp, sp, {size}",
            "ldrb wzr, [sp]",
            "mov {bottom}, sp",
            "add sp, sp, {size}",
            "mov rcx, rsp",
            "sub rcx, rdi",
            "rep stosb",
            "mov {end}, sp",
            "2: cmp {at}, {end}",
            "b.hs 3f",
            "stp xzr, xzr, [{at}], #16",
        ],
        "it is assembler",
    ),
];

/// Messages composed of parts that also occur in other messages. Each constructor of an error without a word in the
/// source needs one of them: identified by what is printed, so that moving code does not change this list.
const COMPOSED: [&str; 44] = [
    "--set A: column ",
    "no program to start",
    "--client-cert requires --client-key",
    "--require: not set or empty: ",
    "/usr cannot be executed",
    "no path to read",
    "`nope` was not found",
    "--client-cert: cert: not PEM text",
    "/token: No such file or directory",
    "/none: No such file or directory",
    "--file F: ",
    "the secret has no keys",
    ": owned by another user",
    "--config: none.toml: ",
    "/.vault-exec.toml: changed since it was trusted",
    "/.vault-exec.toml: not trusted: {}/vault-exec/trusted: owned by another user",
    "--set A: column {}: unknown key",
    ": connection refused; gave up after",
    ": redirected to http://vault.test: --proxy: expected the address of an HTTP proxy",
    ": the server does not speak HTTP",
    ": the server speaks TLS",
    "is not in Vault's format",
    "VAULT_TOKEN: empty",
    "--token-file: {}/token: No such file or directory",
    "version 7 does not exist",
    "--client-cert: cert: the certificate and the key",
    "--ca-path: none: ",
    "vault-exec: SSL_CERT_FILE: ca: certificate 1 of",
    "vault-exec: SSL_CERT_FILE: none: No such file",
    "vault-exec: --ca-cert: ca: certificate 1 of",
    "vault-exec: VAULT_CACERT_BYTES: certificate 1 of",
    "connection refused",
    ": too many open files",
    "Name or service not known",
    "read secret/app: http{}: --ca-cert: ca: no certificate found",
    "--file F: {}/F: File exists",
    "--token-file: {}/token: Is a directory",
    "/.vault-exec.toml: stream did not contain valid UTF-8",
    "/.vault-exec.toml: not trusted",
    "unexpected argument",
    "; the server reports: ",
    "log in at auth/approle: ",
    "read secret/app: ",
    "write pki/issue/web: permission denied (403)",
];

/// Calls of vault-exec.
#[derive(Default)]
pub(super) struct Cases(Vec<Case>);

struct Case {
    line: u32,
    file: &'static str,
    program: &'static [&'static str],
    /// Called for each log mode. Returns the call and a guard that lives until it has ended.
    make: Box<dyn Fn() -> (TestVault, Box<dyn Any>) + Send + Sync>,
}

/// The output of a call.
struct Output {
    whose: String,
    text: String,
}

impl Cases {
    /// A call that would start `true`.
    #[track_caller]
    pub(super) fn call(&mut self, vault: impl Fn() -> TestVault + Send + Sync + 'static) {
        self.starting(&["true"], vault);
    }

    /// A call that would start another program.
    #[track_caller]
    pub(super) fn starting(
        &mut self,
        program: &'static [&'static str],
        vault: impl Fn() -> TestVault + Send + Sync + 'static,
    ) {
        self.with(program, move || (vault(), Box::new(())));
    }

    /// A call of a server that gives these replies.
    #[track_caller]
    pub(super) fn fake(
        &mut self,
        replies: impl IntoIterator<Item = Reply>,
        vault: impl Fn(TestVault) -> TestVault + Send + Sync + 'static,
    ) {
        let replies: Vec<_> = replies.into_iter().collect();
        self.server(move || FakeServer::answering(replies.clone()), move |fake| vault(with_canaries(fake.vault())));
    }

    /// A call of a server that is made for it.
    #[track_caller]
    pub(super) fn server(
        &mut self,
        server: impl Fn() -> FakeServer + Send + Sync + 'static,
        vault: impl Fn(&FakeServer) -> TestVault + Send + Sync + 'static,
    ) {
        self.with(&["true"], move || {
            let server = server();
            (vault(&server), Box::new(server))
        });
    }

    /// The most general call.
    #[track_caller]
    pub(super) fn with(
        &mut self,
        program: &'static [&'static str],
        make: impl Fn() -> (TestVault, Box<dyn Any>) + Send + Sync + 'static,
    ) {
        let place = Location::caller();
        self.0.push(Case { line: place.line(), file: place.file(), program, make: Box::new(make) });
    }

    /// Every case in every log mode, four at a time.
    fn run(&self) -> Vec<Output> {
        let calls: Vec<_> = self.0.iter().flat_map(|case| LOG_MODES.map(|voice| (case, voice))).collect();
        let (next, outputs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some((case, voice)) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let output = case.run(voice);
                        outputs.lock().unwrap().push(output);
                    }
                });
            }
        });
        outputs.into_inner().unwrap()
    }
}

impl Case {
    fn run(&self, voice: &[(&str, &str)]) -> Output {
        let (vault, _alive) = (self.make)();
        let set = |vault: TestVault, (name, value): &(&str, &str)| match *name {
            CHECK => vault.checking(),
            name => vault.env(name, *value),
        };
        let vault = voice.iter().fold(vault, set);
        let outcome = vault.run(self.program.iter().copied());
        let text = format!("{}{}", String::from_utf8_lossy(&outcome.stdout), outcome.stderr);
        Output { whose: format!("{}:{} {voice:?}", self.file, self.line), text }
    }
}

/// With a secret in every variable that may hold one.
pub(super) fn with_canaries(vault: TestVault) -> TestVault {
    let proxy = format!("http://me:{}@127.0.0.1:1", canary("userinfo"));
    vault
        .env("VAULT_TOKEN", canary("token"))
        .env("VAULT_SECRET_ID", canary("secret_id"))
        .env("VAULT_JWT", canary("jwt"))
        .env("VAULT_PASSWORD", canary("password"))
        .env("HTTPS_PROXY", proxy)
        .env("MY_OWN", canary("inherited value"))
        .env("TEXT", canary("inherited value"))
}

/// A response with secrets in its headers.
pub(super) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    let header = canary("header");
    Reply::answer(status, body).header("Set-Cookie", &format!("session={header}; Secure")).header("X-Odd", header)
}

/// An error response that contains secrets, the credential of every request among them.
pub(super) fn refusal(status: u16) -> Reply {
    let credentials = ["token", "wrapping token", "token of a login", "secret_id", "jwt", "password"].map(canary);
    errors(status, &[&credentials[..], &[canary("server's words"), canary("value")]].concat())
}

/// An error response with these reasons.
pub(super) fn errors(status: u16, reasons: &[impl AsRef<str>]) -> Reply {
    let reasons: Vec<_> = reasons.iter().map(AsRef::as_ref).collect();
    reply(status, serde_json::json!({"request_id": canary("header"), "errors": reasons}).to_string())
}

/// The reasons of responses that contain this secret in one of the forms that must be recognized.
pub(super) fn echoes(secret: &str) -> Vec<Vec<String>> {
    let percent: String = secret.bytes().map(percent_encoding::percent_encode_byte).collect();
    let pieces = |text: &str| {
        let characters: Vec<_> = text.chars().collect();
        characters.chunks(5).map(|piece| piece.iter().collect()).collect::<Vec<String>>()
    };
    let base64 = ["", "a", "ab"].map(|before| STANDARD.encode(format!("{before}{secret}")));
    let mut echoes = vec![
        vec![format!("no such credential: {secret}")],
        vec![format!("\x1b[2J\x1b]0;{secret}\x07")],
        vec![secret.chars().skip(3).take(12).collect()],
        vec![percent.to_lowercase()],
        pieces(secret),
        pieces(&percent),
        pieces(&base64[0]),
        vec![format!("{}{secret}", "x".repeat(190))],
    ];
    echoes.extend(base64.map(|text| vec![text.replace('+', "-").replace('/', "_")]));
    echoes
}

/// A secret with values of every kind.
pub(super) fn secret() -> Reply {
    reply(200, secret_text())
}

pub(super) fn secret_text() -> String {
    let [text, other, nested, words] =
        ["value", "other value", "nested value", "server's words"].map(|name| serde_json::Value::from(canary(name)));
    let number = canary("number");
    format!(
        r#"{{"request_id": "1", "warnings": [{words}], "data": {{
            "data": {{"text": {text}, "number": {number}, "list": [{other}, {number}], "map": {{"inner": {nested}}}}},
            "metadata": {{"version": 3, "destroyed": false, "custom_metadata": {{"note": {words}}}}}
        }}}}"#
    )
}

#[test]
#[ignore = "root: makes mount namespaces and changes the owner of a file; Debian: installs strace"]
#[allow(clippy::print_stdout, reason = "how much was said is worth telling")]
fn no_output_contains_a_secret_and_every_message_is_provoked() {
    requires_root("some cases make mount namespaces or change the owner of a file");
    let mut cases = Cases::default();
    settings::add(&mut cases);
    server::add(&mut cases);
    tls::add(&mut cases);
    logins::add(&mut cases);
    start::add(&mut cases);
    writes::add(&mut cases);
    let outputs = cases.run();
    let was_said = |is_in: &dyn Fn(&str) -> bool| outputs.iter().any(|output| is_in(&output.text));

    let mut complaints: BTreeSet<String> = BTreeSet::new();
    for Output { whose, text } in &outputs {
        complaints.extend(found(text.as_bytes()).iter().map(|what| format!("{whose} shows {what}:\n{text}")));
    }
    let source = Source::read();
    let unsaid: Vec<&str> = UNREACHABLE.iter().flat_map(|(sentences, _)| *sentences).copied().collect();
    for sentence in &source.sentences {
        match (was_said(&|text| sentence.is_in(text)), unsaid.contains(&sentence.text.as_str())) {
            (false, false) => _ = complaints.insert(format!("no case says {sentence}")),
            (true, true) => _ = complaints.insert(format!("listed as unsaid, but said: {sentence}")),
            _ => {}
        }
    }
    let gone = unsaid.iter().filter(|text| !source.sentences.iter().any(|sentence| sentence.text == **text));
    complaints.extend(gone.map(|text| format!("listed as unsaid, but gone: {text:?}")));
    let wordless = source.wordless();
    for message in COMPOSED {
        let pattern = Pattern::of(message);
        if !was_said(&|text| pattern.is_in(text)) {
            complaints.insert(format!("no case says {message:?}"));
        }
    }
    if wordless.len() > COMPOSED.len() {
        complaints.insert(format!(
            "{} errors are made without a word, but only {} messages are listed in COMPOSED: {wordless:#?}",
            wordless.len(),
            COMPOSED.len()
        ));
    }
    println!(
        "{} cases made {} outputs, with {} sentences but {} that cannot be said, and {} failures without words of their own",
        cases.0.len(),
        outputs.len(),
        source.sentences.len(),
        unsaid.len(),
        wordless.len(),
    );
    let complaints: Vec<_> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
