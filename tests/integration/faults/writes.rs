//! Faults of a request with `--write`, which creates something.

use std::time::Duration;

use crate::faults::{Row, Section, Trial, cell, run_within};
use crate::support::canary::CANARY;
use crate::support::fake_server::Reply;
use crate::write::once::{LOST, PATH, issued, pki, vault, writes};

/// The answer, its name, and the reason in the message.
type Fault = (&'static str, Reply, &'static str);

const CUT: &str = "the connection was closed before the response was complete";

const SILENT: &str = "no response in time";

fn lost() -> Vec<Fault> {
    let whole = r#"{"request_id":"1","data":{"certificate":"canary"}}"#;
    let part = &whole[..20];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", whole.len());
    vec![
        ("closed before the answer", Reply::closed(), CUT),
        ("closed in the headers", Reply::raw("HTTP/1.1 2"), CUT),
        ("closed behind the headers", Reply::raw(head.as_str()), CUT),
        ("closed in the body", Reply::raw(format!("{head}{part}")), CUT),
        ("reset before the answer", Reply::reset(), "connection reset"),
        ("reset in the body", Reply::raw(format!("{head}{part}")).then_reset(), "connection reset"),
        ("no HTTP", Reply::raw("no HTTP\n"), "the server does not speak HTTP"),
        ("silent from the start", Reply::silence(), SILENT),
        ("silent behind the headers", Reply::raw(head.as_str()).then_silence(), SILENT),
        ("a body without end", Reply::endless("HTTP/1.1 200 OK\r\n\r\n", "x"), "the response is larger than 8 MiB"),
        ("503 of a proxy", Reply::answer(503, "<html>no server</html>"), "sealed or not ready (503)"),
        ("503 without a body", Reply::answer(503, ""), "sealed or not ready (503)"),
        ("503 with other JSON", Reply::answer(503, r#"{"message":"no upstream"}"#), "sealed or not ready (503)"),
        ("429 of a proxy", Reply::answer(429, "<html>"), "too many requests, or a standby (429)"),
        ("412 of a proxy", Reply::answer(412, ""), "the server has not caught up with its leader yet (412)"),
        ("472 of a proxy", Reply::answer(472, ""), "a disaster-recovery standby (472)"),
        ("473 of a proxy", Reply::answer(473, "{}"), "a performance standby (473)"),
        ("500 of Vault", Reply::status(500), "server error (500)"),
        ("502 of Vault", Reply::status(502), "server error (502)"),
        ("502 of a proxy", Reply::answer(502, "<html>"), "server error (502)"),
        ("504 of a proxy", Reply::answer(504, "<html>"), "server error (504)"),
        ("200 with HTML", Reply::answer(200, "<html>"), "the response (200) is not in Vault's format"),
        ("200 with a part of JSON", Reply::answer(200, part), "the response (200) is not in Vault's format"),
        (
            "200 without data",
            Reply::answer(200, r#"{"request_id":"1"}"#),
            "the response (200) is not in Vault's format",
        ),
        ("200 with a list", Reply::answer(200, r#"{"data":[]}"#), "the response (200) is not in Vault's format"),
        ("202 with data", Reply::answer(202, whole), "the response (202) is not in Vault's format"),
        ("204", Reply::answer(204, ""), "the response (204) has no data"),
        ("302 without a target", Reply::answer(302, "<html>"), "the response (302) is not in Vault's format"),
        ("403 of a proxy", Reply::answer(403, "<html>"), "the response (403) is not in Vault's format"),
        ("404 of a proxy", Reply::answer(404, "{}"), "the response (404) is not in Vault's format"),
    ]
}

fn trial(name: String, waits: bool, check: impl Fn() + Send + Sync + 'static) -> Vec<Trial> {
    vec![Trial { name, waits, needs_root: false, check: Box::new(check) }]
}

/// The answer ends the start: the request is not sent again.
fn final_row((name, reply, reason): Fault) -> Row {
    let columns = [name.to_owned(), "lost".into(), cell(reason)].to_vec();
    let trials = trial(format!("write: {name}"), reason == SILENT, move || {
        let fake = pki([reply.clone(), issued()]);
        let vault = vault(&fake);
        let outcome = run_within(&vault, Duration::from_secs(1)).exits(125).stdout_is("").assert_no_canary();
        let _ = outcome.stderr_is(&format!("vault-exec: write {PATH}: {{addr}}: {reason}; {LOST}"));
        assert_eq!(writes(&fake), 1, "{name}");
    });
    Row { columns, trials }
}

/// Vault itself did not act: the request is sent again.
fn refused_row((status, reason): (u16, &'static str)) -> Row {
    let name = format!("{status} of Vault");
    let columns = [name.clone(), "sent again".into(), cell(reason)].to_vec();
    let trials = trial(format!("write: {name}"), false, move || {
        let fake = pki([Reply::status(status), Reply::errors(status, &[]), issued()]);
        let outcome = run_within(&vault(&fake), Duration::ZERO).exits(0).assert_no_canary().has("CERTIFICATE", CANARY);
        let _ = outcome.stderr_is(&format!("vault-exec: waiting for {{addr}}: {reason} (for 1m at most)\n"));
        assert_eq!(writes(&fake), 3, "{status}");
    });
    Row { columns, trials }
}

pub(super) fn section() -> Section {
    let refused = [
        (412, "the server has not caught up with its leader yet (412)"),
        (429, "too many requests, or a standby (429)"),
        (472, "a disaster-recovery standby (472)"),
        (473, "a performance standby (473)"),
        (503, "sealed or not ready (503)"),
    ];
    Section {
        title: "A write",
        about: ABOUT,
        columns: &["the answer is", "result", "message"],
        rows: lost().into_iter().map(final_row).chain(refused.map(refused_row)).collect(),
    }
}

const ABOUT: &str = "\
The answer to a request with `--write`, after the lookup of its mount. A request that may have created something is not
repeated: the message is `vault-exec: write pki/issue/web: {addr}: REASON; a credential may have been created`, with a hint
to revoke it. A request that Vault itself refuses to process is repeated.";
