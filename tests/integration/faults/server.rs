//! A server, or another program on its port, that closes the connection, stays silent, sends too much or does not speak
//! HTTP.

use crate::faults::request::{Effect, STEPS, Step, at_once, check_effect, check_retry, cut, expected, reset};
use crate::faults::{Row, Section, Trial};
use crate::support::canary::CANARY;
use crate::support::fake_server::{CLOSED, Reply};

/// Replies to a request whose good answer would have this body.
type Replies = Box<dyn Fn(&str) -> Vec<Reply> + Send + Sync>;

/// A fault that any request may have.
struct Fault {
    name: &'static str,
    /// What the server does instead of sending this body.
    reply: Replies,
    effect: Effect,
    /// Where TLS makes a difference.
    over_tls: Option<Effect>,
    /// How many requests make one try.
    requests: usize,
}

/// A fault that is one reply.
fn fault(name: &'static str, effect: Effect, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Fault {
    Fault { name, reply: Box::new(move |body| vec![reply(body)]), effect, over_tls: None, requests: 1 }
}

impl Fault {
    fn over_tls(self, effect: Effect) -> Self {
        Self { over_tls: Some(effect), ..self }
    }

    /// Only the second request of an attempt, the one after a redirect, fails.
    fn behind_a_redirect(self) -> Self {
        Self { requests: 2, ..self }
    }

    fn row(self) -> Row {
        let [when, said] = self.effect.columns();
        let mut columns = vec![self.name.to_owned(), when, said];
        if let Some(effect) = &self.over_tls {
            let [when, said] = effect.columns();
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
                // Also the most detailed log contains no secret.
                trials.push(Self::trial(&fault, tls, step, true, &["-vv"]));
                trials.push(Self::trial(&fault, tls, step, true, &["-vv", "--log-format", "json"]));
            }
        }
        if let Effect::Retried { .. } = &fault.effect {
            trials.extend([false, true].map(|tls| Self::retried(&fault, tls)));
        }
        Row { columns, trials }
    }

    /// The fault occurs twice: the start succeeds and reports the wait once.
    fn retried(fault: &std::sync::Arc<Self>, tls: bool) -> Trial {
        let fault = std::sync::Arc::clone(fault);
        let name = format!("{}, twice, TLS: {tls}", fault.name);
        let check = move || {
            let step = Step::Read;
            let bad = (fault.reply)(&step.body());
            let fake = step.fake([bad.clone(), bad, vec![Reply::answer(200, step.body())]].concat(), tls);
            check_retry(step, &fake, &fault.effect);
        };
        Trial { name, waits: false, needs_root: false, check: Box::new(check) }
    }

    fn trial(
        fault: &std::sync::Arc<Self>,
        tls: bool,
        step: Step,
        one_try: bool,
        voice: &'static [&'static str],
    ) -> Trial {
        let fault = std::sync::Arc::clone(fault);
        let mut effect = if tls { fault.over_tls.as_ref().unwrap_or(&fault.effect) } else { &fault.effect }.clone();
        if let Effect::Retried { why, hint } = &mut effect
            && !tls
            && why.starts_with("connection reset") | why.starts_with("the connection was closed")
        {
            CLOSED.clone_into(hint);
        }
        let mut expected = expected(step, &effect, one_try);
        if fault.requests > 1 {
            expected.requests = fault.requests..=fault.requests;
        }
        let waits = expected.is_short();
        let name = format!("{}, {step:?}, TLS: {tls}, one try: {one_try} {}", fault.name, voice.join(" "));
        let check = move || {
            let mut replies = (fault.reply)(&step.body());
            if matches!(fault.effect, Effect::Accepted) && fault.over_tls.is_none() {
                // The connection stays open.
                replies = replies.into_iter().map(Reply::then_listen).collect();
            }
            let fake = step.fake(replies, tls);
            let attempts: &[&str] = if one_try { &["--attempts", "1"] } else { &[] };
            check_effect(step, &fake, &expected, &[attempts, voice].concat());
        };
        Trial { name, waits, needs_root: false, check: Box::new(check) }
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
        fault("silent from the start", Effect::TimesOut, |_| Reply::silence()),
        fault("silent in the headers", Effect::TimesOut, move |_| Reply::raw(head).then_silence()),
        fault("silent behind the headers", Effect::TimesOut, |body| ok(&length(body, 0), "").then_silence()),
        fault("silent in the body", Effect::TimesOut, |body| ok(&length(body, 1), body).then_silence()),
        fault("silent between two chunks", Effect::TimesOut, |body| chunked(body, "").then_silence()),
        fault("silent behind a body of no length", Effect::TimesOut, |body| ok("X-Odd: 1", body).then_silence()),
        fault("a byte every tenth of a second", Effect::TimesOut, |body| ok(&length(body, 0), body).dripped()),
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
        fault("8 MiB", Effect::Accepted, |body| {
            ok("Content-Length: 8388608", &format!("{body}{}", " ".repeat(8 * 1024 * 1024 - body.len())))
        }),
    ];
    Section {
        title: "The connection",
        about: SERVER,
        columns: &["the server is, or sends", "result", "message"],
        rows: faults.into_iter().map(Fault::row).collect(),
    }
}

const SERVER: &str = "\
Each fault is tried over HTTP and TLS, with `--attempts 1` and with `--timeout 2s`, in each of six requests: the read of the
only path; the read of the second path, if the first succeeds; the lookup of the mount; the login with AppRole; the lookup
of a refused token; the revocation of the login token. Faults that end the start at once take one request, others at least
two with `--timeout 2s`, unless the first takes all of the time.

The message is `vault-exec: read secret/app: {addr}: REASON` (or `log in at auth/approle`), followed by `; gave up after 1
attempt (--attempts)` or `; gave up after 2s (--timeout)` unless the start ends at once. Before the second attempt,
`vault-exec: waiting for {addr}: REASON (for 2s at most)` is printed, once. Faults of two requests fail no start: if the
lookup of a refused token fails, the refusal is reported; if the revocation fails, the program starts after the warning `the
login token could not be revoked and stays valid until it expires: REASON`.";

/// The answer is complete, but not one that Vault would give.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(super) fn answers() -> Section {
    let twice = |body: &str| format!("{}\r\n{}", length(body, 0), length(body, 0));
    let odd = |header: &'static str| move |body: &str| ok(header, body);
    let line =
        |line: &'static str| move |body: &str| Reply::raw(format!("{line}\r\n{}\r\n\r\n{body}", length(body, 0)));
    let redirect = |status, to: &'static str| move |_: &str| Reply::redirect(status, to);
    let mut faults = vec![
        fault("the same length twice", Effect::Accepted, move |body| ok(&twice(body), body)),
        fault("two lengths", not_http(), |body| ok(&format!("{}\r\n{}", length(body, 0), length(body, -1)), body)),
        fault("two lengths in a header", not_http(), odd("Content-Length: 10, 20")),
        fault("a length that is no number", not_http(), odd("Content-Length: canary")),
        fault("a negative length", not_http(), odd("Content-Length: -1")),
        fault("a length with a sign", not_http(), odd("Content-Length: +1")),
        fault("an empty length", not_http(), odd("Content-Length: ")),
        fault("a length over 64 bits", not_http(), odd("Content-Length: 18446744073709551616")),
        fault("a length that is too short", Effect::NotFromVault(200), |body| ok(&length(body, -1), body)),
        fault("a length of 0", Effect::NotFromVault(200), |_| ok("Content-Length: 0", "")),
        fault("chunks, and a length that fits", Effect::Accepted, |body| {
            let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            ok(&format!("{}\r\n{CHUNKED}", length(body, 0)), &chunk)
        }),
        fault("chunks, and a length that is too short", Effect::Accepted, |body| {
            let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            ok(&format!("{CHUNKED}\r\n{}", length(body, -1)), &chunk)
        }),
        fault("chunks", Effect::Accepted, |body| chunked(body, "0\r\n\r\n")),
        fault("chunks with trailers", Effect::Accepted, |body| chunked(body, "0\r\nX-Odd: 1\r\n\r\n")),
        fault("chunks of a byte", Effect::Accepted, |body| {
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
        fault("an encoding that nobody asked for", Effect::NotFromVault(200), |_| {
            Reply::answer(200, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).header("Content-Encoding", "gzip")
        }),
        fault("HTTP/0.9: a body alone", not_http(), |body| Reply::raw(body.to_owned())),
        fault("HTTP/1.0 with a length", Effect::Accepted, line("HTTP/1.0 200 OK")),
        fault("HTTP/1.0 without a length", Effect::Accepted, |body| {
            Reply::raw(format!("HTTP/1.0 200 OK\r\n\r\n{body}"))
        })
        .over_tls(cut()),
        fault("HTTP/1.1 without a length", Effect::Accepted, odd("Connection: close")).over_tls(cut()),
        fault("HTTP/1.2", not_http(), line("HTTP/1.2 200 OK")),
        fault("HTTP/2 in plain text", not_http(), line("HTTP/2 200")),
        fault("frames of HTTP/2", not_http(), |_| {
            Reply::raw(b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x10\0\0")
        }),
        fault("lines that end in LF", Effect::Accepted, |body| {
            Reply::raw(format!("HTTP/1.1 200 OK\n{}\n\n{body}", length(body, 0)))
        }),
        fault("no reason", Effect::Accepted, line("HTTP/1.1 200")),
        fault("a header without a name", not_http(), odd(": canary")),
        fault("a header with a space in its name", not_http(), odd("X Odd: canary")),
        fault("a header that goes on in the next line", not_http(), odd("X-Odd: canary\r\n canary")),
        fault("a NUL in a header", not_http(), odd("X-Odd: canary\0")),
        fault("SSH", not_http(), |_| Reply::raw("SSH-2.0-OpenSSH_9.9 canary\r\n")),
        fault("Redis", not_http(), |_| Reply::raw("-ERR unknown command canary\r\n")),
        fault("the alert of a TLS server", speaks_tls(), |_| Reply::raw(b"\x15\x03\x01\x00\x02\x02\x16"))
            .over_tls(not_http()),
        fault("100 first", Effect::Accepted, |body| interim("100 Continue", body)),
        fault("103 first", Effect::Accepted, |body| interim("103 Early Hints\r\nLink: </canary>", body)),
        fault("101", Effect::NotFromVault(101), |_| {
            Reply::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        }),
        fault("205 without a body", Effect::NotFromVault(205), |_| {
            Reply::raw("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")
        }),
        fault("304", Effect::NotFromVault(304), |_| Reply::raw("HTTP/1.1 304 Not Modified\r\n\r\n")),
        fault(
            "a redirect to the same place",
            redirected("{addr}", "only one redirect is followed"),
            redirect(307, "?"),
        )
        .behind_a_redirect(),
        fault("a redirect to nowhere", Effect::UnexpectedStatus(307, "temporary redirect"), |_| Reply::status(307)),
        fault(
            "a redirect that is no URL",
            Effect::UnexpectedStatus(307, "temporary redirect"),
            redirect(307, "http://["),
        ),
        fault(
            "a redirect that turns a POST into a GET",
            Effect::UnexpectedStatus(303, "see other"),
            redirect(303, "/canary"),
        ),
        fault("a redirect with choices", Effect::UnexpectedStatus(300, "multiple choices"), redirect(300, "/canary")),
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
        faults.push(fault(name, Effect::NotFromVault(200), move |_| Reply::answer(200, body)));
    }
    for status in ["000", "099", "1000", "abc", "-1"] {
        let name = format!("a status of {status}").leak();
        faults.push(fault(name, not_http(), move |_| Reply::raw(format!("HTTP/1.1 {status} {CANARY}\r\n\r\n"))));
    }
    Section {
        title: "The response",
        about: "Tried in the same requests.",
        columns: &["the server sends", "result", "message"],
        rows: faults.into_iter().map(Fault::row).collect(),
    }
}

fn interim(interim: &str, body: &str) -> Reply {
    Reply::raw(format!("HTTP/1.1 {interim}\r\n\r\nHTTP/1.1 200 OK\r\n{}\r\n\r\n{body}", length(body, 0)))
}

/// A redirect that is not followed.
fn redirected(to: &str, why: &str) -> Effect {
    at_once(
        &format!("redirected to {to}, but {why}"),
        "give the address of the server that answers; this one is from VAULT_ADDR",
    )
}

fn not_http() -> Effect {
    at_once("the server does not speak HTTP", "is this Vault's port? The address is from VAULT_ADDR")
}

fn speaks_tls() -> Effect {
    at_once("the server speaks TLS", "write https:// (the address is from VAULT_ADDR)")
}

fn too_large() -> Effect {
    at_once("the response is larger than 8 MiB", "split the secret into several")
}
