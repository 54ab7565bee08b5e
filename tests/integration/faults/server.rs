//! A server, or whatever sits on its port, that breaks off, says nothing, says too much, or does not speak HTTP.

use std::sync::LazyLock;
use std::time::Duration;

use crate::faults::{Row, Section, Trial, cell, run_within};
use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, ODD, Reply, UNREACHABLE, secret_body};
use crate::support::tls::LoopbackTls;
use crate::support::vault::TestVault;

/// What comes of a request that meets a fault.
#[derive(Clone)]
pub(super) enum Ends {
    /// The answer is good.
    Understood,
    /// This is said at once, whole: it is what the secret holds that is wrong.
    Whole(String),
    /// The answer is about the path or the credential: this is said at once behind the stage, without an address.
    Told(String),
    /// No second try would help: this is said at once, behind the address.
    AtOnce { why: String, hint: String },
    /// An answer of Vault's that means nothing here, with this status and reason.
    Odd(u16, &'static str),
    /// An answer with this status that is not Vault's.
    Foreign(u16),
    /// It may be better the next time: tried again until the tries or the time are over.
    Again { why: String, hint: String },
    /// No answer comes to an end: the time does.
    Slow,
}

/// The requests of a start, each of which may meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The read of the only path.
    Read,
    /// The read of the second path, while the first one is answered well.
    Second,
    /// The question what the mount is, after a read that brought nothing.
    Mount,
    /// The login with a `role_id` and a `secret_id`.
    Login,
    /// The question whether a token that was refused is worth anything.
    LookUp,
    /// The revocation of the token that a login brought.
    Revoke,
}

pub(super) const STEPS: [Step; 6] = [Step::Read, Step::Second, Step::Mount, Step::Login, Step::LookUp, Step::Revoke];

const APP: &str = "secret/data/app";

impl Step {
    /// What is asked for.
    pub(super) const fn asks(self) -> &'static str {
        match self {
            Self::Read => APP,
            Self::Second => "secret/data/b",
            Self::Mount => "sys/internal/ui/mounts/secret/app",
            Self::Login => "auth/approle/login",
            Self::LookUp => "auth/token/lookup-self",
            Self::Revoke => "auth/token/revoke-self",
        }
    }

    /// The body of a good answer.
    pub(super) fn body(self) -> String {
        match self {
            Self::Read | Self::Second => secret_body(&[("a", CANARY)]),
            Self::Mount => r#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}"#.into(),
            Self::Login => format!(r#"{{"auth":{{"client_token":"{TOKEN}","lease_duration":60}}}}"#),
            Self::LookUp | Self::Revoke => r#"{"data":{}}"#.into(),
        }
    }

    /// A server that is good but for the answer to this request.
    pub(super) fn fake(self, replies: impl IntoIterator<Item = Reply>, tls: bool) -> FakeServer {
        let good = || [Reply::secret(&[("a", CANARY)])];
        let fake = if tls {
            FakeServer::answering_over_tls(TLS.config.clone(), good())
        } else {
            FakeServer::answering(good())
        };
        let fake = match self {
            Self::Mount => fake.and_at(APP, [Reply::status(404)]),
            Self::LookUp => fake.and_at(APP, [Reply::status(403)]),
            Self::Revoke => fake.and_at(Self::Login.asks(), [Reply::answer(200, Self::Login.body())]),
            _ => fake.and_at(Self::Revoke.asks(), [Reply::answer(200, "{}")]),
        };
        fake.and_at(self.asks(), replies)
    }

    /// How vault-exec is called to make this request, among as few others as can be.
    pub(super) fn vault(self, fake: &FakeServer) -> TestVault {
        let vault = fake.vault().env("VAULT_CACERT", &TLS.ca_file);
        match self {
            Self::Read | Self::LookUp => vault.args(["--kv", "2"]),
            Self::Second => vault.args(["--kv", "2", "--path", "secret/b"]),
            Self::Mount => vault,
            Self::Login | Self::Revoke => vault
                .without("VAULT_TOKEN")
                .args(["--kv", "2"])
                .env("VAULT_ROLE_ID", "app")
                .env("VAULT_SECRET_ID", format!("{CANARY}-secret-id")),
        }
    }

    /// What a failure of this request begins with.
    const fn stage(self) -> &'static str {
        match self {
            Self::Second => "read secret/b",
            Self::Login => "log in at auth/approle",
            _ => "read secret/app",
        }
    }
}

/// The certificate of every server here that speaks TLS.
static TLS: LazyLock<LoopbackTls> = LazyLock::new(LoopbackTls::new);

/// The time of those that need all of it.
const SHORT: Duration = Duration::from_secs(2);

/// The time of those that do not.
const LONG: Duration = Duration::from_secs(60);

pub(super) fn at_once(why: &str, hint: &str) -> Ends {
    Ends::AtOnce { why: why.into(), hint: format!("hint: {hint}\n") }
}

pub(super) fn again(why: &str) -> Ends {
    Ends::Again { why: why.into(), hint: UNREACHABLE.into() }
}

fn not_http() -> Ends {
    at_once("the server does not speak HTTP", "is this Vault's port? The address is from VAULT_ADDR")
}

fn too_large() -> Ends {
    at_once("the response is larger than 8 MiB", "split the secret into several")
}

pub(super) fn cut() -> Ends {
    again("the connection was closed before the response was complete")
}

pub(super) fn reset() -> Ends {
    again("connection reset")
}

impl Ends {
    /// When it ends, and what is said then.
    fn text(&self) -> (&'static str, String) {
        match self {
            Self::Understood => ("understood", String::new()),
            Self::Whole(text) | Self::Told(text) => ("at once", text.clone()),
            Self::AtOnce { why, hint } => ("at once", format!("{why}\n{hint}")),
            Self::Odd(status, reason) => ("at once", format!("the server answered {status} ({reason})\n{ODD}")),
            Self::Foreign(status) => {
                let hint = "hint: is this Vault's address? It is from VAULT_ADDR\n";
                ("at once", format!("the response ({status}) is not in Vault's format\n{hint}"))
            }
            Self::Again { why, hint } => ("tried again", format!("{why}\n{hint}")),
            Self::Slow => ("out of time", format!("no response in time\n{UNREACHABLE}")),
        }
    }

    /// The status of a complete answer that brings nothing.
    const fn status(&self) -> Option<u16> {
        match self {
            Self::Odd(status, _) | Self::Foreign(status) => Some(*status),
            _ => None,
        }
    }

    /// What the table says of it.
    pub(super) fn columns(&self) -> [String; 2] {
        let (when, text) = self.text();
        [when.into(), cell(&text)]
    }
}

/// A token that was refused may well be good.
const DENIED: &str = "vault-exec: read secret/app: permission denied (403)\nhint: a policy of the token must contain\n\
                      path \"secret/data/app\" {\n  capabilities = [\"read\"]\n}\n";

/// What is said of a secret that is not there where the server tells what the mount is, and where it does not.
const ABSENT: &str = "vault-exec: read secret/app: no such secret\n\
                      hint: `bao kv list secret` lists the secrets; --optional-path allows it to be missing\n";
const UNSURE: &str = "vault-exec: read secret/app: no such secret\n\
                      hint: check --kv and --mount: the server did not report the engine of this path\n";

/// What one request meets, how often, and how long that may take.
pub(super) struct Expected {
    /// Standard error where the program is not started, or what is said before it is.
    pub(super) stderr: String,
    starts: bool,
    requests: std::ops::RangeInclusive<usize>,
    pub(super) timeout: Duration,
}

/// The warning about a token that outlives its purpose.
fn unrevoked(why: &str) -> String {
    format!("vault-exec: the login token could not be revoked and stays valid until it expires: {why}\n")
}

impl Expected {
    /// Ends at once with this text.
    pub(super) fn told(text: &str) -> Self {
        Self { stderr: text.into(), starts: false, requests: 1..=1, timeout: LONG }
    }

    /// The program starts at once, and this is said before.
    fn starts(text: String) -> Self {
        Self { stderr: text, starts: true, requests: 1..=1, timeout: LONG }
    }

    /// What comes of a revocation that is answered with this status.
    pub(super) fn revoked(status: u16) -> Self {
        Self::starts(if (200..300).contains(&status) { String::new() } else { unrevoked(&status.to_string()) })
    }

    /// Whether all of a short time is needed.
    pub(super) fn is_short(&self) -> bool {
        self.timeout == SHORT
    }
}

/// What comes of a fault at this step, with one try or as many as the time allows.
pub(super) fn expected(step: Step, ends: &Ends, one_try: bool) -> Expected {
    let (_, text) = ends.text();
    let why = text.lines().next().unwrap_or_default();
    let slow = matches!(ends, Ends::Slow);
    match (step, ends) {
        // It has one try, and whatever that brings, the refusal stands.
        (Step::LookUp, _) => Expected { timeout: if slow { SHORT } else { LONG }, ..Expected::told(DENIED) },
        // It has one try, too, and no program waits for a second one.
        (Step::Revoke, Ends::Understood) => Expected::starts(String::new()),
        (Step::Revoke, ends) => match ends.status() {
            Some(status) => Expected::revoked(status),
            None => Expected { timeout: if slow { SHORT } else { LONG }, ..Expected::starts(unrevoked(why)) },
        },
        // An answer that does not tell what the mount is leaves the first one standing.
        (Step::Mount, Ends::Understood) => Expected::told(ABSENT),
        (Step::Mount, Ends::Told(_) | Ends::Odd(..) | Ends::Foreign(_)) => Expected::told(UNSURE),
        (_, Ends::Understood) => Expected::starts(String::new()),
        (_, Ends::Whole(text)) => Expected::told(text),
        (_, Ends::Told(text)) => Expected::told(&format!("vault-exec: {}: {text}", step.stage())),
        (_, Ends::AtOnce { .. } | Ends::Odd(..) | Ends::Foreign(_)) => {
            Expected::told(&format!("vault-exec: {}: {{addr}}: {text}", step.stage()))
        }
        (_, Ends::Again { .. } | Ends::Slow) => {
            let (hint, stage) = (&text[why.len()..], step.stage());
            let given_up = if one_try { "1 attempt (--attempts)" } else { "2s (--timeout)" };
            let text = format!("vault-exec: {stage}: {{addr}}: {why}; gave up after {given_up}{hint}");
            let waiting = format!("vault-exec: waiting for {{addr}}: {why} (for 2s at most)\n");
            match (slow, one_try) {
                (true, _) => Expected { timeout: SHORT, ..Expected::told(&text) },
                (_, true) => Expected::told(&text),
                (_, false) => {
                    Expected { requests: 2..=usize::MAX, timeout: SHORT, ..Expected::told(&(waiting + &text)) }
                }
            }
        }
    }
}

/// Meets the fault, and checks everything that can be seen of it.
pub(super) fn meet(step: Step, fake: &FakeServer, expected: &Expected, more: &[&str]) {
    let timeout = format!("{}s", expected.timeout.as_secs());
    let vault = step.vault(fake).args(["--timeout", &timeout]).args(more.iter().copied());
    let time = if expected.timeout == LONG { Duration::ZERO } else { expected.timeout };
    let outcome = run_within(&vault, time).assert_no_canary();
    let outcome = if more.contains(&"-vv") { outcome } else { outcome.stderr_is(&expected.stderr) };
    let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(!more.contains(&"json") || outcome.stderr.lines().all(json), "{outcome}");
    if expected.starts {
        let _ = outcome.exits(0).has("A", CANARY).lacks("VAULT_TOKEN").lacks("VAULT_SECRET_ID");
    } else {
        let _ = outcome.exits(125).stdout_is("");
    }
    assert!(fake.requests().iter().all(|request| request.header("Accept-Encoding").is_none()));
    let asked = fake.asked().iter().filter(|path| *path == &format!("/v1/{}", step.asks())).count();
    assert!(expected.requests.contains(&asked), "{asked} requests for {}", step.asks());
}

/// The start goes on after two tries, and says once what it waited for.
pub(super) fn passes(step: Step, fake: &FakeServer, ends: &Ends) {
    let (_, text) = ends.text();
    let why = text.lines().next().unwrap_or_default();
    let stderr = format!("vault-exec: waiting for {{addr}}: {why} (for 1m at most)\n");
    let _ =
        run_within(&step.vault(fake), Duration::ZERO).exits(0).assert_no_canary().stderr_is(&stderr).has("A", CANARY);
    assert_eq!(fake.asked().iter().filter(|path| *path == &format!("/v1/{}", step.asks())).count(), 3);
}

/// Replies to a request whose good answer would have this body.
type Replies = Box<dyn Fn(&str) -> Vec<Reply> + Send + Sync>;

/// A fault that any request may meet.
struct Fault {
    name: &'static str,
    /// What the server does instead of sending this body.
    reply: Replies,
    ends: Ends,
    /// Where TLS makes a difference.
    over_tls: Option<Ends>,
    /// How many requests make one try.
    requests: usize,
}

/// One reply, whatever the body.
fn fault(name: &'static str, ends: Ends, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Fault {
    Fault { name, reply: Box::new(move |body| vec![reply(body)]), ends, over_tls: None, requests: 1 }
}

impl Fault {
    fn over_tls(self, ends: Ends) -> Self {
        Self { over_tls: Some(ends), ..self }
    }

    /// Is met only by the second request of a try, which a redirect makes.
    fn behind_a_redirect(self) -> Self {
        Self { requests: 2, ..self }
    }

    fn row(self) -> Row {
        let [when, said] = self.ends.columns();
        let mut columns = vec![self.name.to_owned(), when, said];
        if let Some(ends) = &self.over_tls {
            let [when, said] = ends.columns();
            columns[1] = format!("{}; over TLS {when}", columns[1]);
            columns[2] = [&columns[2], &said]
                .into_iter()
                .filter(|said| !said.is_empty())
                .cloned()
                .collect::<Vec<_>>()
                .join("<br>");
        }
        let fault = std::sync::Arc::new(self);
        let mut trials = Vec::new();
        for (tls, step) in [false, true].into_iter().flat_map(|tls| STEPS.map(|step| (tls, step))) {
            for one_try in [true, false] {
                trials.push(Self::trial(&fault, tls, step, one_try, &[]));
            }
            if step == Step::Read {
                // Nobody may see in the loudest voice what is for nobody's eyes.
                trials.push(Self::trial(&fault, tls, step, true, &["-vv"]));
                trials.push(Self::trial(&fault, tls, step, true, &["-vv", "--log-format", "json"]));
            }
        }
        if let Ends::Again { .. } = &fault.ends {
            trials.extend([false, true].map(|tls| Self::passes(&fault, tls)));
        }
        Row { columns, trials }
    }

    /// Is met twice, and is over then: the start has only waited, which was said once.
    fn passes(fault: &std::sync::Arc<Self>, tls: bool) -> Trial {
        let fault = std::sync::Arc::clone(fault);
        let name = format!("{}, twice, TLS: {tls}", fault.name);
        let check = move || {
            let step = Step::Read;
            let bad = (fault.reply)(&step.body());
            let fake = step.fake([bad.clone(), bad, vec![Reply::answer(200, step.body())]].concat(), tls);
            passes(step, &fake, &fault.ends);
        };
        Trial { name, waits: false, check: Box::new(check) }
    }

    fn trial(
        fault: &std::sync::Arc<Self>,
        tls: bool,
        step: Step,
        one_try: bool,
        voice: &'static [&'static str],
    ) -> Trial {
        let fault = std::sync::Arc::clone(fault);
        let mut ends = if tls { fault.over_tls.as_ref().unwrap_or(&fault.ends) } else { &fault.ends }.clone();
        if let Ends::Again { why, hint } = &mut ends
            && why == "connection reset"
            && !tls
        {
            *hint = format!("{}; if the server uses TLS, write https://\n", hint.trim_end());
        }
        let mut expected = expected(step, &ends, one_try);
        if fault.requests > 1 {
            expected.requests = fault.requests..=fault.requests;
        }
        let waits = expected.is_short();
        let name = format!("{}, {step:?}, TLS: {tls}, one try: {one_try} {}", fault.name, voice.join(" "));
        let check = move || {
            let mut replies = (fault.reply)(&step.body());
            if matches!(fault.ends, Ends::Understood) && fault.over_tls.is_none() {
                // It is the answer that is odd, not what happens behind it.
                replies = replies.into_iter().map(Reply::then_listen).collect();
            }
            let fake = step.fake(replies, tls);
            let attempts: &[&str] = if one_try { &["--attempts", "1"] } else { &[] };
            meet(step, &fake, &expected, &[attempts, voice].concat());
        };
        Trial { name, waits, check: Box::new(check) }
    }
}

/// A complete answer around a body, with headers of the row's own.
fn ok(headers: &str, body: &str) -> Reply {
    Reply::raw(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}"))
}

/// The same in one chunk, and what comes behind it.
fn chunked(body: &str, rest: &str) -> Reply {
    ok("Transfer-Encoding: chunked", &format!("{:x}\r\n{body}\r\n{rest}", body.len()))
}

fn length(body: &str, more: i32) -> String {
    format!("Content-Length: {}", i32::try_from(body.len()).expect("a short body") + more)
}

const CHUNKED: &str = "Transfer-Encoding: chunked";

/// The connection is made, and then something happens to it.
pub(super) fn connections() -> Section {
    let half = |body: &str| body[..body.len() / 2].to_owned();
    let head = "HTTP/1.1 200 OK\r\nX-Odd: canary";
    let faults = vec![
        fault("closed before the answer", cut(), |_| Reply::closed()),
        fault("closed in the headers", cut(), move |_| Reply::raw(head)),
        fault("closed behind the headers", cut(), |body| ok(&length(body, 0), "")),
        fault("closed in the body", cut(), move |body| ok(&length(body, 0), &half(body))),
        fault("closed a byte before the end of the body", cut(), |body| ok(&length(body, 1), body)),
        fault("closed in a chunk", cut(), |body| ok(CHUNKED, &format!("ff\r\n{body}"))),
        fault("closed between two chunks", cut(), |body| chunked(body, "")),
        fault("closed in the size of a chunk", cut(), |body| chunked(body, "1")),
        fault("reset before the answer", reset(), |_| Reply::reset()),
        fault("reset in the headers", reset(), move |_| Reply::raw(head).then_reset()),
        fault("reset behind the headers", reset(), |body| ok(&length(body, 0), "").then_reset()),
        fault("reset in the body", reset(), move |body| ok(&length(body, 0), &half(body)).then_reset()),
        fault("reset between two chunks", reset(), |body| chunked(body, "").then_reset()),
        fault("reset behind a body of no length", reset(), |body| ok("Connection: close", body).then_reset()),
        fault("silent from the start", Ends::Slow, |_| Reply::silence()),
        fault("silent in the headers", Ends::Slow, move |_| Reply::raw(head).then_silence()),
        fault("silent behind the headers", Ends::Slow, |body| ok(&length(body, 0), "").then_silence()),
        fault("silent in the body", Ends::Slow, |body| ok(&length(body, 1), body).then_silence()),
        fault("silent between two chunks", Ends::Slow, |body| chunked(body, "").then_silence()),
        fault("silent behind a body of no length", Ends::Slow, |body| ok("X-Odd: 1", body).then_silence()),
        fault("a byte every tenth of a second", Ends::Slow, |body| ok(&length(body, 0), body).dripped()),
        fault("a body without end", too_large(), |_| Reply::endless("HTTP/1.1 200 OK\r\n\r\n", CANARY)),
        fault("chunks without end", too_large(), |_| {
            let chunk = format!("2ee0\r\n{}\r\n", CANARY.repeat(2000));
            Reply::endless(&format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n"), &chunk)
        }),
        fault("a size of a chunk without end", not_http(), |_| {
            Reply::endless(&format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n"), "f")
        }),
        fault("an extension of a chunk without end", not_http(), |_| {
            Reply::endless(&format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n1;"), CANARY)
        }),
        fault("trailers without end", not_http(), |body| {
            let start = format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n{:x}\r\n{body}\r\n0\r\n", body.len());
            Reply::endless(&start, "X-Odd: canary\r\n")
        }),
        fault("headers without end", not_http(), |_| Reply::endless("HTTP/1.1 200 OK\r\n", "X-Odd: canary\r\n")),
        fault("a header without end", not_http(), |_| Reply::endless("HTTP/1.1 200 OK\r\nX-Odd: ", CANARY)),
        fault("a reason without end", not_http(), |_| Reply::endless("HTTP/1.1 200 ", CANARY)),
        fault("interim answers without end", too_large(), |_| {
            Reply::endless("", &format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", CANARY.repeat(500)))
        }),
        fault("a length of 8 MiB and a byte", too_large(), |_| ok("Content-Length: 8388609", CANARY)),
        fault("a length of 8 EiB", too_large(), |_| ok("Content-Length: 9223372036854775807", CANARY)),
        fault("8 MiB and a byte without a length", too_large(), |body| {
            ok("Connection: close", &format!("{body}{}", " ".repeat(8 * 1024 * 1024 + 1 - body.len())))
        }),
        fault("8 MiB", Ends::Understood, |body| {
            ok("Content-Length: 8388608", &format!("{body}{}", " ".repeat(8 * 1024 * 1024 - body.len())))
        }),
    ];
    Section {
        title: "The connection",
        about: SERVER,
        columns: &["the server is, or sends", "ends", "what is said"],
        rows: faults.into_iter().map(Fault::row).collect(),
    }
}

const SERVER: &str = "\
Each is met over HTTP and TLS, with `--attempts 1` and with `--timeout 2s`, by each of six requests: the read of the only
path; that of the second path, while the first is answered well; the question what the mount is; the login with AppRole;
the question whether a token that was refused is worth anything; the revocation of the token of the login. Where it ends
at once, one request was made, else with `--timeout 2s` at least two, unless the first took all of the time.

In front of what is said stands `vault-exec: read secret/app: {addr}: ` (or `log in at auth/approle`), behind the reason
`; gave up after 1 attempt (--attempts)` or `; gave up after 2s (--timeout)` unless it ends at once. Before a second \
try,
`vault-exec: waiting for {addr}: REASON (for 2s at most)` is said, once. Two requests make no start fail: after a token
was refused, the refusal is reported whatever else happens; that a token could not be revoked is a warning, `the token of
the login could not be revoked and lives on until it expires: REASON`, and the program is started.";

/// The answer is complete, but not one that Vault would give.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(super) fn answers() -> Section {
    let twice = |body: &str| format!("{}\r\n{}", length(body, 0), length(body, 0));
    let odd = |header: &'static str| move |body: &str| ok(header, body);
    let line =
        |line: &'static str| move |body: &str| Reply::raw(format!("{line}\r\n{}\r\n\r\n{body}", length(body, 0)));
    let redirect = |status, to: &'static str| move |_: &str| Reply::redirect(status, to);
    let mut faults = vec![
        fault("the same length twice", Ends::Understood, move |body| ok(&twice(body), body)),
        fault("two lengths", not_http(), |body| ok(&format!("{}\r\n{}", length(body, 0), length(body, -1)), body)),
        fault("two lengths in a header", not_http(), odd("Content-Length: 10, 20")),
        fault("a length that is no number", not_http(), odd("Content-Length: canary")),
        fault("a negative length", not_http(), odd("Content-Length: -1")),
        fault("a length with a sign", not_http(), odd("Content-Length: +1")),
        fault("an empty length", not_http(), odd("Content-Length: ")),
        fault("a length over 64 bits", not_http(), odd("Content-Length: 18446744073709551616")),
        fault("a length that is too short", Ends::Foreign(200), |body| ok(&length(body, -1), body)),
        fault("a length of 0", Ends::Foreign(200), |_| ok("Content-Length: 0", "")),
        fault("chunks, and a length that fits", Ends::Understood, |body| {
            let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            ok(&format!("{}\r\n{CHUNKED}", length(body, 0)), &chunk)
        }),
        fault("chunks, and a length that is too short", Ends::Understood, |body| {
            let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            ok(&format!("{CHUNKED}\r\n{}", length(body, -1)), &chunk)
        }),
        fault("chunks", Ends::Understood, |body| chunked(body, "0\r\n\r\n")),
        fault("chunks with trailers", Ends::Understood, |body| chunked(body, "0\r\nX-Odd: 1\r\n\r\n")),
        fault("chunks of a byte", Ends::Understood, |body| {
            let chunks = body.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect::<Vec<_>>().concat();
            ok(CHUNKED, &format!("{chunks}0\r\n\r\n"))
        }),
        fault("a chunk of no size", not_http(), |body| ok(CHUNKED, &format!("canary\r\n{body}\r\n0\r\n\r\n"))),
        fault("a chunk of a negative size", not_http(), |body| ok(CHUNKED, &format!("-1\r\n{body}\r\n0\r\n\r\n"))),
        fault("a chunk with a size over 64 bits", not_http(), |body| {
            ok(CHUNKED, &format!("10000000000000000\r\n{body}\r\n0\r\n\r\n"))
        }),
        fault("a chunk that is longer than its size", not_http(), |body| {
            ok(CHUNKED, &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len() - 1))
        }),
        fault("an encoding that nobody asked for", Ends::Foreign(200), |_| {
            Reply::answer(200, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).header("Content-Encoding", "gzip")
        }),
        fault("HTTP/0.9: a body alone", not_http(), |body| Reply::raw(body.to_owned())),
        fault("HTTP/1.0 with a length", Ends::Understood, line("HTTP/1.0 200 OK")),
        fault("HTTP/1.0 without a length", Ends::Understood, |body| {
            Reply::raw(format!("HTTP/1.0 200 OK\r\n\r\n{body}"))
        })
        .over_tls(cut()),
        fault("HTTP/1.1 without a length", Ends::Understood, odd("Connection: close")).over_tls(cut()),
        fault("HTTP/1.2", not_http(), line("HTTP/1.2 200 OK")),
        fault("HTTP/2 in plain text", not_http(), line("HTTP/2 200")),
        fault("frames of HTTP/2", not_http(), |_| {
            Reply::raw(b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x10\0\0")
        }),
        fault("lines that end in LF", Ends::Understood, |body| {
            Reply::raw(format!("HTTP/1.1 200 OK\n{}\n\n{body}", length(body, 0)))
        }),
        fault("no reason", Ends::Understood, line("HTTP/1.1 200")),
        fault("a header without a name", not_http(), odd(": canary")),
        fault("a header with a space in its name", not_http(), odd("X Odd: canary")),
        fault("a header that goes on in the next line", not_http(), odd("X-Odd: canary\r\n canary")),
        fault("a NUL in a header", not_http(), odd("X-Odd: canary\0")),
        fault("SSH", not_http(), |_| Reply::raw("SSH-2.0-OpenSSH_9.9 canary\r\n")),
        fault("Redis", not_http(), |_| Reply::raw("-ERR unknown command canary\r\n")),
        fault("the alert of a TLS server", not_http(), |_| Reply::raw(b"\x15\x03\x01\x00\x02\x02\x16")),
        fault("100 first", Ends::Understood, |body| interim("100 Continue", body)),
        fault("103 first", Ends::Understood, |body| interim("103 Early Hints\r\nLink: </canary>", body)),
        fault("101", Ends::Foreign(101), |_| {
            Reply::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        }),
        fault("205 without a body", Ends::Foreign(205), |_| {
            Reply::raw("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")
        }),
        fault("304", Ends::Foreign(304), |_| Reply::raw("HTTP/1.1 304 Not Modified\r\n\r\n")),
        fault(
            "a redirect to the same place",
            redirected("{addr}", "only one redirect is followed"),
            redirect(307, "?"),
        )
        .behind_a_redirect(),
        fault("a redirect to nowhere", Ends::Odd(307, "temporary redirect"), |_| Reply::status(307)),
        fault("a redirect that is no URL", Ends::Odd(307, "temporary redirect"), redirect(307, "http://[")),
        fault("a redirect that turns a POST into a GET", Ends::Odd(303, "see other"), redirect(303, "/canary")),
        fault("a redirect with choices", Ends::Odd(300, "multiple choices"), redirect(300, "/canary")),
    ];
    faults.extend(
        [
            ("ftp:", "ftp://127.0.0.1/canary"),
            ("file:", "file:///canary"),
            ("unix:", "unix:///canary"),
            ("javascript:", "javascript:canary"),
        ]
        .map(|(scheme, to)| {
            let name = format!("a redirect to {scheme}").leak();
            fault(name, redirected(scheme, "only https and http are supported"), redirect(307, to))
        }),
    );
    for (name, body) in [
        ("HTML", "<html>canary</html>"),
        ("a body of null", "null"),
        ("a body that is a list", "[]"),
        ("a body that is a string", "\"canary\""),
        ("a body of an empty object", "{}"),
    ] {
        faults.push(fault(name, Ends::Foreign(200), move |_| Reply::answer(200, body)));
    }
    for status in ["000", "099", "1000", "abc", "-1"] {
        let name = format!("a status of {status}").leak();
        faults.push(fault(name, not_http(), move |_| Reply::raw(format!("HTTP/1.1 {status} {CANARY}\r\n\r\n"))));
    }
    Section {
        title: "The answer",
        about: "Met in the same ways.",
        columns: &["the server sends", "ends", "what is said"],
        rows: faults.into_iter().map(Fault::row).collect(),
    }
}

fn interim(interim: &str, body: &str) -> Reply {
    Reply::raw(format!("HTTP/1.1 {interim}\r\n\r\nHTTP/1.1 200 OK\r\n{}\r\n\r\n{body}", length(body, 0)))
}

/// A redirect that is not followed.
fn redirected(to: &str, why: &str) -> Ends {
    at_once(&format!("redirected to {to}, but {why}"), "give the address of the active server")
}
