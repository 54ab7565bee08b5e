//! Every status that Vault or something in front of it may answer with, with a body of Vault's and with another one.

use crate::faults::server::{Ends, Expected, STEPS, Step, expected, meet, passes};
use crate::faults::{Row, Section, Trial};
use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{NOT_READY, Reply};

/// What comes of a status, at a read and at a login.
struct Status {
    code: u16,
    read: Ends,
    login: Ends,
    /// The same in answers that are not Vault's.
    foreign: Ends,
}

/// Passes, whoever says so.
fn passing(code: u16, why: &str) -> Status {
    let ends = Ends::Again { why: format!("{why} ({code})"), hint: NOT_READY.into() };
    Status { code, read: ends.clone(), login: ends.clone(), foreign: ends }
}

/// Means nothing here.
fn odd(code: u16, reason: &'static str) -> Status {
    let ends = Ends::Odd(code, reason);
    Status { code, read: ends.clone(), login: ends, foreign: Ends::Foreign(code) }
}

impl Status {
    fn read(self, text: &str) -> Self {
        Self { read: Ends::Told(text.into()), ..self }
    }

    /// The credential is what the server does not like.
    fn refused(self) -> Self {
        let mounted =
            if self.code == 403 { "check that the method is mounted there (--auth-mount); if it is, " } else { "" };
        let text = format!(
            "the server rejected the credential ({})\nhint: {mounted}check role_id and secret_id: one that was used \
             up or has expired is rejected like a wrong one\n",
            self.code
        );
        Self { login: Ends::Told(text), ..self }
    }
}

const ABSENT: &str = "no such secret\nhint: `bao kv list secret` lists the secrets; --optional-path allows it to be \
    missing; --kv auto detects the engine\n";

fn denied(secret: &str) -> String {
    let stanza = format!("path \"secret/data/{secret}\" {{\n  capabilities = [\"read\"]\n}}\n");
    format!("permission denied (403)\nhint: a policy of the token must contain\n{stanza}")
}

/// What is said of a token that the server does not know, either.
const DOUBTED: &str = "vault-exec: read secret/app: permission denied (403): the token lacks the permission, or is \
    expired, revoked or unknown to this server\n\
                       hint: log in again if it should be valid; otherwise, a policy of the token must contain\n\
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
        odd(405, "method not allowed"),
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

/// Bodies that are not Vault's.
const FOREIGN_BODIES: [&str; 3] = ["", "<html>canary</html>", r#"{"message":"canary"}"#];

impl Status {
    /// What comes of it at this step.
    fn expected(&self, step: Step, vaults: bool, one_try: bool) -> Expected {
        let ends = match step {
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
            _ => expected(step, ends, one_try),
        }
    }

    fn row(self) -> Row {
        let columns =
            [&self.read, &self.login, &self.foreign].map(Ends::columns).map(|[when, said]| match when.as_str() {
                "at once" => said,
                when => format!("{when}: {said}"),
            });
        let mut trials = Vec::new();
        let status = std::sync::Arc::new(self);
        let vaults = format!(r#"{{"errors":["{CANARY} {TOKEN}"]}}"#);
        for body in FOREIGN_BODIES.map(str::to_owned).into_iter().chain([vaults]) {
            for (step, one_try) in STEPS.into_iter().flat_map(|step| [(step, true), (step, false)]) {
                let is_vaults = body.contains("errors") && status.code != 204;
                let expected = status.expected(step, is_vaults, one_try);
                let (status, body) = (std::sync::Arc::clone(&status), body.clone());
                trials.push(Trial {
                    name: format!("{} {body}, {step:?}, one try: {one_try}", status.code),
                    waits: expected.is_short(),
                    check: Box::new(move || {
                        // A body that may not be there would be taken for the next answer.
                        let body = if status.code == 204 { "" } else { &body };
                        let fake = step.fake([Reply::answer(status.code, body)], false);
                        let attempts: &[&str] = if one_try { &["--attempts", "1"] } else { &[] };
                        meet(step, &fake, &expected, attempts);
                    }),
                });
            }
        }
        if let Ends::Again { .. } = &status.read {
            let status = std::sync::Arc::clone(&status);
            trials.push(Trial {
                name: format!("{}, twice", status.code),
                waits: false,
                check: Box::new(move || {
                    let bad = || Reply::status(status.code);
                    let fake = Step::Read.fake([bad(), bad(), Reply::answer(200, Step::Read.body())], false);
                    passes(Step::Read, &fake, &status.read);
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
        columns: &["status", "to a read", "to a login", "if it is not Vault that answers"],
        rows: statuses().into_iter().map(Status::row).collect(),
    }
}

const ABOUT: &str = "\
Met by the same requests over HTTP, with an error of Vault's in the body, and with nothing, HTML and other JSON. Without
an address in front where the server's answer is about the path or the credential. Whatever is not tried again leaves the
first answer standing where it is the mount that was asked for. After a token was refused, only a 403 makes the token
doubtful. The revocation takes any 2xx for a yes and says the status of everything else.";
