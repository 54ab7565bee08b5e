//! The requests of a start, and what vault-exec does if one of them fails.

use std::sync::LazyLock;
use std::time::Duration;

use crate::faults::{cell, run_within};
use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, ODD, Reply, UNREACHABLE, secret_body};
use crate::support::tls::LoopbackTls;
use crate::support::vault::TestVault;

/// What comes of a request that meets a fault.
#[derive(Clone)]
pub(super) enum Effect {
    /// The answer is good.
    Accepted,
    /// This is said at once, whole: it is what the secret holds that is wrong.
    Message(String),
    /// The answer is about the path or the credential: this is said at once behind the stage, without an address.
    StageMessage(String),
    /// No second try would help: this is said at once, behind the address.
    Fatal { why: String, hint: String },
    /// An answer of Vault's that means nothing here, with this status and reason.
    UnexpectedStatus(u16, &'static str),
    /// An answer with this status that is not Vault's.
    NotFromVault(u16),
    /// It may be better the next time: tried again until the tries or the time are over.
    Retried { why: String, hint: String },
    /// No answer comes to an end: the time does.
    TimesOut,
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

pub(super) fn at_once(why: &str, hint: &str) -> Effect {
    Effect::Fatal { why: why.into(), hint: format!("hint: {hint}\n") }
}

pub(super) fn again(why: &str) -> Effect {
    Effect::Retried { why: why.into(), hint: UNREACHABLE.into() }
}

pub(super) fn cut() -> Effect {
    again("the connection was closed before the answer was complete")
}

pub(super) fn reset() -> Effect {
    again("connection reset")
}

impl Effect {
    /// When it effect, and what is said then.
    fn text(&self) -> (&'static str, String) {
        match self {
            Self::Accepted => ("accepted", String::new()),
            Self::Message(text) | Self::StageMessage(text) => ("at once", text.clone()),
            Self::Fatal { why, hint } => ("at once", format!("{why}\n{hint}")),
            Self::UnexpectedStatus(status, reason) => {
                ("at once", format!("the server answered {status} ({reason})\n{ODD}"))
            }
            Self::NotFromVault(status) => {
                let hint = "hint: is this Vault's address? It is from VAULT_ADDR\n";
                ("at once", format!("the server answered {status}, but not as Vault does\n{hint}"))
            }
            Self::Retried { why, hint } => ("retried", format!("{why}\n{hint}")),
            Self::TimesOut => ("timeout", format!("no answer in time\n{UNREACHABLE}")),
        }
    }

    /// The status of a complete answer that brings nothing.
    const fn status(&self) -> Option<u16> {
        match self {
            Self::UnexpectedStatus(status, _) | Self::NotFromVault(status) => Some(*status),
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
const DENIED: &str = "vault-exec: read secret/app: permission denied (403)\nhint: a policy of the token must hold\n\
                      path \"secret/data/app\" {\n  capabilities = [\"read\"]\n}\n";

/// What is said of a secret that is not there where the server tells what the mount is, and where it does not.
const ABSENT: &str = "vault-exec: read secret/app: no such secret\n\
                      hint: `bao kv list secret` shows what is there; --optional-path lets it be absent\n";
const UNSURE: &str = "vault-exec: read secret/app: no such secret\n\
                      hint: check --kv and --mount: the server did not say which engine holds the path\n";

/// What one request meets, how often, and how long that may take.
pub(super) struct Expected {
    /// Standard error where the program is not started, or what is said before it is.
    pub(super) stderr: String,
    starts: bool,
    pub(super) requests: std::ops::RangeInclusive<usize>,
    pub(super) timeout: Duration,
}

/// The warning about a token that outlives its purpose.
fn unrevoked(why: &str) -> String {
    format!("vault-exec: the token of the login could not be revoked and lives on until it expires: {why}\n")
}

impl Expected {
    /// Effect at once with this text.
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
pub(super) fn expected(step: Step, effect: &Effect, one_try: bool) -> Expected {
    let (_, text) = effect.text();
    let why = text.lines().next().unwrap_or_default();
    let slow = matches!(effect, Effect::TimesOut);
    match (step, effect) {
        // It has one try, and whatever that brings, the refusal stands.
        (Step::LookUp, _) => Expected { timeout: if slow { SHORT } else { LONG }, ..Expected::told(DENIED) },
        // It has one try, too, and no program waits for a second one.
        (Step::Revoke, Effect::Accepted) => Expected::starts(String::new()),
        (Step::Revoke, effect) => match effect.status() {
            Some(status) => Expected::revoked(status),
            None => Expected { timeout: if slow { SHORT } else { LONG }, ..Expected::starts(unrevoked(why)) },
        },
        // An answer that does not tell what the mount is leaves the first one standing.
        (Step::Mount, Effect::Accepted) => Expected::told(ABSENT),
        (Step::Mount, Effect::StageMessage(_) | Effect::UnexpectedStatus(..) | Effect::NotFromVault(_)) => {
            Expected::told(UNSURE)
        }
        (_, Effect::Accepted) => Expected::starts(String::new()),
        (_, Effect::Message(text)) => Expected::told(text),
        (_, Effect::StageMessage(text)) => Expected::told(&format!("vault-exec: {}: {text}", step.stage())),
        (_, Effect::Fatal { .. } | Effect::UnexpectedStatus(..) | Effect::NotFromVault(_)) => {
            Expected::told(&format!("vault-exec: {}: {{addr}}: {text}", step.stage()))
        }
        (_, Effect::Retried { .. } | Effect::TimesOut) => {
            let (hint, stage) = (&text[why.len()..], step.stage());
            let given_up = if one_try { "1 try (--attempts)" } else { "2s (--timeout)" };
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
pub(super) fn check_effect(step: Step, fake: &FakeServer, expected: &Expected, more: &[&str]) {
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
pub(super) fn check_retry(step: Step, fake: &FakeServer, effect: &Effect) {
    let (_, text) = effect.text();
    let why = text.lines().next().unwrap_or_default();
    let stderr = format!("vault-exec: waiting for {{addr}}: {why} (for 1m at most)\n");
    let _ =
        run_within(&step.vault(fake), Duration::ZERO).exits(0).assert_no_canary().stderr_is(&stderr).has("A", CANARY);
    assert_eq!(fake.asked().iter().filter(|path| *path == &format!("/v1/{}", step.asks())).count(), 3);
}
