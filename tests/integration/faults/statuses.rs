//! Every status of Vault or of a proxy in front of it, with a body from Vault and with others.

use crate::faults::request::{Effect, Expected, STEPS, Step, check_effect, check_retry, expected};
use crate::faults::{Row, Section, Trial};
use crate::support::canary::{CANARY, SECRET_ID, TOKEN};
use crate::support::fake_server::{NOT_READY, Reply};

/// The effect of a status on a read and on a login.
struct Status {
    code: u16,
    read: Effect,
    login: Effect,
    /// The same if the body is not from Vault.
    foreign: Effect,
}

/// Retried, also if the body is not from Vault.
fn passing(code: u16, why: &str) -> Status {
    let effect = Effect::Retried { why: format!("{why} ({code})"), hint: NOT_READY.into() };
    Status { code, read: effect.clone(), login: effect.clone(), foreign: effect }
}

/// A status that vault-exec does not expect.
fn odd(code: u16, reason: &'static str) -> Status {
    let effect = Effect::UnexpectedStatus(code, reason);
    Status { code, read: effect.clone(), login: effect, foreign: Effect::NotFromVault(code) }
}

impl Status {
    fn read(self, text: &str) -> Self {
        Self { read: Effect::StageMessage(text.into()), ..self }
    }

    /// The server refuses the credential.
    fn refused(self) -> Self {
        let mounted =
            if self.code == 403 { "check that the method is mounted there (--auth-mount); if it is, " } else { "" };
        let text = format!(
            "the server rejected the credential ({})\nhint: {mounted}check role_id and secret_id: one that was used \
             up or has expired is rejected like a wrong one\n",
            self.code
        );
        Self { login: Effect::StageMessage(text), ..self }
    }
}

const ABSENT: &str = "no such secret\nhint: `vault kv list secret` lists the secrets; --optional-path allows it to be \
    missing; --kv auto detects the engine\n";

const UNREADABLE: &str = "{addr}: the server answered 405 (method not allowed)\nhint: nothing can be read there: if the \
    engine creates something, such as pki/issue, use --write\n";

fn denied(secret: &str) -> String {
    let stanza = format!("path \"secret/data/{secret}\" {{\n  capabilities = [\"read\"]\n}}\n");
    format!("permission denied (403)\nhint: a policy of the token must contain\n\n{stanza}")
}

/// The message if the server does not know the token.
const DOUBTED: &str = "vault-exec: read secret/app: permission denied (403): the token lacks the permission, or is \
    expired, revoked or unknown to this server\n\
                       hint: log in again if it should be valid; otherwise: a policy of the token must contain\n\n\
                       path \"secret/data/app\" {\n  capabilities = [\"read\"]\n}\n";

fn statuses() -> Vec<Status> {
    let nameless = "unknown status";
    vec![
        odd(201, "created"),
        odd(202, "accepted"),
        odd(204, "no content"),
        odd(206, "partial content"),
        odd(299, nameless),
        odd(300, "multiple choices"),
        odd(307, "temporary redirect"),
        odd(400, "bad request").refused(),
        odd(401, "unauthorized").refused(),
        odd(402, "payment required"),
        odd(403, "forbidden").read(&denied("app")).refused(),
        odd(404, "not found").read(ABSENT).refused(),
        odd(405, "method not allowed").read(UNREADABLE),
        odd(407, "proxy authentication required"),
        odd(408, "request timeout"),
        odd(410, "gone"),
        passing(412, "the server has not caught up with its leader yet"),
        odd(413, "payload too large"),
        odd(418, "i'm a teapot"),
        passing(429, "too many requests, or a standby"),
        odd(431, "request header fields too large"),
        passing(472, "a disaster-recovery standby"),
        passing(473, "a performance standby"),
        odd(499, nameless),
        passing(500, "server error"),
        odd(501, "not implemented"),
        passing(502, "server error"),
        passing(503, "sealed or not ready"),
        passing(504, "server error"),
        passing(599, "server error"),
        odd(600, nameless),
        odd(999, nameless),
    ]
}

/// Bodies that are not from Vault.
const FOREIGN_BODIES: [&str; 3] = ["", "<html>canary</html>", r#"{"message":"canary"}"#];

impl Status {
    /// The effect at this step.
    fn expected(&self, step: Step, vaults: bool, one_try: bool) -> Expected {
        let effect = match step {
            _ if !vaults => &self.foreign,
            Step::Login => &self.login,
            _ => &self.read,
        };
        match step {
            Step::LookUp if self.code == 403 => Expected::told(DOUBTED),
            Step::Revoke => Expected::revoked(self.code),
            Step::Second if self.code == 403 && vaults => {
                Expected::told(&format!("vault-exec: read secret/b: {}", denied("b")))
            }
            // The parent of both paths is the same.
            _ => expected(step, effect, one_try),
        }
    }

    fn row(self) -> Row {
        let columns =
            [&self.read, &self.login, &self.foreign].map(Effect::columns).map(|[when, said]| match when.as_str() {
                "at once" => said,
                when => format!("{when}: {said}"),
            });
        let mut trials = Vec::new();
        let status = std::sync::Arc::new(self);
        let vaults = format!(r#"{{"errors":["{CANARY} {TOKEN} {SECRET_ID}"]}}"#);
        for body in FOREIGN_BODIES.map(str::to_owned).into_iter().chain([vaults]) {
            for (step, one_try) in STEPS.into_iter().flat_map(|step| [(step, true), (step, false)]) {
                let is_vaults = body.contains("errors") && status.code != 204;
                let expected = status.expected(step, is_vaults, one_try);
                let (status, body) = (std::sync::Arc::clone(&status), body.clone());
                trials.push(Trial {
                    name: format!("{} {body}, {step:?}, one try: {one_try}", status.code),
                    waits: expected.is_short(),
                    needs_root: false,
                    check: Box::new(move || {
                        // A 204 has no body; one would be taken for the next response.
                        let body = if status.code == 204 { "" } else { &body };
                        let fake = step.fake([Reply::answer(status.code, body)], false);
                        let attempts: &[&str] = if one_try { &["--attempts", "1"] } else { &[] };
                        check_effect(step, &fake, &expected, attempts);
                    }),
                });
            }
        }
        if let Effect::Retried { .. } = &status.read {
            let status = std::sync::Arc::clone(&status);
            trials.push(Trial {
                name: format!("{}, twice", status.code),
                waits: false,
                needs_root: false,
                check: Box::new(move || {
                    let bad = || Reply::status(status.code);
                    let fake = Step::Read.fake([bad(), bad(), Reply::answer(200, Step::Read.body())], false);
                    check_retry(Step::Read, &fake, &status.read);
                }),
            });
        }
        let code = status.code.to_string();
        Row { columns: [code].into_iter().chain(columns).collect(), trials }
    }
}

pub(super) fn section() -> Section {
    Section {
        title: "The status",
        about: ABOUT,
        columns: &["status", "to a read", "to a login", "if the body is not from Vault"],
        rows: statuses().into_iter().map(Status::row).collect(),
    }
}

const ABOUT: &str = "\
Tried in the same requests over HTTP, with an error of Vault in the body, and with an empty body, HTML and other JSON. The
message has no address if the response is about the path or the credential. If the lookup of the mount is not retried, the
response to the read is reported. After a refused token, only a 403 of its lookup casts doubt on the token. The revocation
takes any 2xx for success, and its warning names any other status. A login that is answered with 500 is tried three times. The
server's reason is left out of all messages, because it contains a credential.";
