//! The requests of a start, and what vault-exec does if one of them fails.

use std::sync::LazyLock;
use std::time::Duration;

use crate::faults::{cell, run_within};
use crate::support::canary::{CANARY, SECRET_ID, TOKEN};
use crate::support::fake_server::{FakeServer, ODD, Reply, UNREACHABLE, secret_body};
use crate::support::tls::LoopbackTls;
use crate::support::vault::TestVault;

/// The effect of a fault.
#[derive(Clone)]
pub(super) enum Effect {
    /// The response is valid.
    Accepted,
    /// The start fails at once with this whole message.
    Message(String),
    /// The start fails at once with this text after the stage, without the address.
    StageMessage(String),
    /// The start fails at once with this text after the address.
    Fatal { why: String, hint: String },
    /// A response of Vault with an unexpected status and its reason.
    UnexpectedStatus(u16, &'static str),
    /// A response with this status that is not from Vault.
    NotFromVault(u16),
    /// Retried until the attempts or the time are used up.
    Retried { why: String, hint: String },
    /// No response is complete before the timeout.
    TimesOut,
}

/// The requests of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The read of the only path.
    Read,
    /// The read of the second path, if the first succeeds.
    Second,
    /// The lookup of the mount after a 404.
    Mount,
    /// The login with a `role_id` and a `secret_id`.
    Login,
    /// The lookup of a refused token.
    LookUp,
    /// The revocation of the login token.
    Revoke,
}

pub(super) const STEPS: [Step; 6] = [Step::Read, Step::Second, Step::Mount, Step::Login, Step::LookUp, Step::Revoke];

const APP: &str = "secret/data/app";

impl Step {
    /// The path of the request.
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

    /// The body of a valid response.
    pub(super) fn body(self) -> String {
        match self {
            Self::Read | Self::Second => secret_body(&[("a", CANARY)]),
            Self::Mount => r#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}"#.into(),
            Self::Login => format!(r#"{{"auth":{{"client_token":"{TOKEN}","lease_duration":60}}}}"#),
            Self::LookUp | Self::Revoke => r#"{"data":{}}"#.into(),
        }
    }

    /// A server whose replies are valid except for this request.
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

    /// A call that sends this request, and as few others as possible.
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
                .env("VAULT_SECRET_ID", SECRET_ID),
        }
    }

    /// The stage that a message about this request starts with.
    const fn stage(self) -> &'static str {
        match self {
            Self::Second => "read secret/b",
            Self::Login => "log in at auth/approle",
            _ => "read secret/app",
        }
    }
}

/// Shared by all servers.
static TLS: LazyLock<LoopbackTls> = LazyLock::new(LoopbackTls::new);

/// The timeout if all of it is used.
const SHORT: Duration = Duration::from_secs(2);

/// The timeout otherwise.
const LONG: Duration = Duration::from_mins(1);

pub(super) fn at_once(why: &str, hint: &str) -> Effect {
    Effect::Fatal { why: why.into(), hint: format!("hint: {hint}\n") }
}

pub(super) fn again(why: &str) -> Effect {
    Effect::Retried { why: why.into(), hint: UNREACHABLE.into() }
}

pub(super) fn cut() -> Effect {
    again("the connection was closed before the response was complete")
}

pub(super) fn reset() -> Effect {
    again("connection reset")
}

impl Effect {
    /// The columns `result` and `message`.
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
                ("at once", format!("the response ({status}) is not in Vault's format\n{hint}"))
            }
            Self::Retried { why, hint } => ("retried", format!("{why}\n{hint}")),
            Self::TimesOut => ("timeout", format!("no response in time\n{UNREACHABLE}")),
        }
    }

    /// The status of a complete response without a secret.
    const fn status(&self) -> Option<u16> {
        match self {
            Self::UnexpectedStatus(status, _) | Self::NotFromVault(status) => Some(*status),
            _ => None,
        }
    }

    /// The same as cells.
    pub(super) fn columns(&self) -> [String; 2] {
        let (when, text) = self.text();
        [when.into(), cell(text.trim_start_matches("{addr}: "))]
    }
}

/// The message if the lookup of the token does not fail with 403.
const DENIED: &str = "vault-exec: read secret/app: permission denied (403)\nhint: a policy of the token must contain\n\n\
                      path \"secret/data/app\" {\n  capabilities = [\"read\"]\n}\n";

/// The message about a missing secret if the lookup of the mount succeeds, and if it fails.
const ABSENT: &str = "vault-exec: read secret/app: no such secret\n\
                      hint: `vault kv list secret` lists the secrets; --optional-path allows it to be missing\n";
const UNSURE: &str = "vault-exec: read secret/app: no such secret\n\
                      hint: check --kv and --mount: the server did not report the engine of this path\n";

/// The expected result of a call.
pub(super) struct Expected {
    /// Standard error.
    pub(super) stderr: String,
    starts: bool,
    pub(super) requests: std::ops::RangeInclusive<usize>,
    pub(super) timeout: Duration,
}

/// The warning about a failed revocation.
fn unrevoked(why: &str) -> String {
    format!("vault-exec: the login token could not be revoked and stays valid until it expires: {why}\n")
}

impl Expected {
    /// The start fails at once with this text.
    pub(super) fn told(text: &str) -> Self {
        Self { stderr: text.into(), starts: false, requests: 1..=1, timeout: LONG }
    }

    /// The program starts after this message.
    fn starts(text: String) -> Self {
        Self { stderr: text, starts: true, requests: 1..=1, timeout: LONG }
    }

    /// The result of a revocation with this status.
    pub(super) fn revoked(status: u16) -> Self {
        Self::starts(if (200..300).contains(&status) { String::new() } else { unrevoked(&status.to_string()) })
    }

    /// Whether all of a short timeout is used.
    pub(super) fn is_short(&self) -> bool {
        self.timeout == SHORT
    }
}

/// The result of a fault at this step, with one attempt or as many as the timeout allows.
pub(super) fn expected(step: Step, effect: &Effect, one_try: bool) -> Expected {
    let (_, text) = effect.text();
    let why = text.lines().next().unwrap_or_default();
    let slow = matches!(effect, Effect::TimesOut);
    match (step, effect) {
        // The lookup has one attempt, and the refusal is reported in any case.
        (Step::LookUp, _) => Expected { timeout: if slow { SHORT } else { LONG }, ..Expected::told(DENIED) },
        // The revocation has one attempt.
        (Step::Revoke, Effect::Accepted) => Expected::starts(String::new()),
        (Step::Revoke, effect) => match effect.status() {
            Some(status) => Expected::revoked(status),
            None => Expected { timeout: if slow { SHORT } else { LONG }, ..Expected::starts(unrevoked(why)) },
        },
        // Without the type of the mount the 404 is reported.
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
            let is_limited = matches!(step, Step::Login) && why.ends_with("(500)");
            let given_up = match (one_try, is_limited) {
                (true, _) => "1 attempt (--attempts)",
                (false, true) => "3 attempts",
                (false, false) => "2s (--timeout)",
            };
            let text = format!("vault-exec: {stage}: {{addr}}: {why}; gave up after {given_up}{hint}");
            let waiting = format!("vault-exec: waiting for {{addr}}: {why} (for 2s at most)\n");
            match (slow, one_try) {
                (true, _) => Expected { timeout: SHORT, ..Expected::told(&text) },
                (_, true) => Expected::told(&text),
                (_, false) if is_limited => {
                    Expected { requests: 3..=3, timeout: SHORT, ..Expected::told(&(waiting + &text)) }
                }
                (_, false) => {
                    Expected { requests: 2..=usize::MAX, timeout: SHORT, ..Expected::told(&(waiting + &text)) }
                }
            }
        }
    }
}

/// Calls vault-exec and checks messages, exit code, environment and requests.
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

/// The third attempt succeeds, and the wait is reported once.
pub(super) fn check_retry(step: Step, fake: &FakeServer, effect: &Effect) {
    let (_, text) = effect.text();
    let why = text.lines().next().unwrap_or_default();
    let stderr = format!("vault-exec: waiting for {{addr}}: {why} (for 1m at most)\n");
    let _ =
        run_within(&step.vault(fake), Duration::ZERO).exits(0).assert_no_canary().stderr_is(&stderr).has("A", CANARY);
    assert_eq!(fake.asked().iter().filter(|path| *path == &format!("/v1/{}", step.asks())).count(), 3);
}
