//! The server's reasons for an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::faults::request::{Effect, Step, check_effect, expected};
use crate::faults::{Row, Section, Trial};
use crate::support::canary::TOKEN;
use crate::support::fake_server::{ODD, Reply};

fn row(name: &str, status: u16, reasons: &[&str], effect: &Effect) -> Row {
    let columns = vec![name.to_owned(), effect.columns()[1].clone()];
    let mut trials = Vec::new();
    for (tls, voice) in [(false, &[][..]), (true, &[]), (false, &["-vv", "--log-format", "json"])] {
        let (reply, effect) = (Reply::errors(status, reasons), effect.clone());
        trials.push(Trial {
            name: format!("{name}, TLS: {tls} {}", voice.join(" ")),
            waits: false,
            needs_root: false,
            check: Box::new(move || {
                let fake = Step::Read.fake([reply.clone()], tls);
                check_effect(Step::Read, &fake, &expected(Step::Read, &effect, false), voice);
            }),
        });
    }
    Row { columns, trials }
}

/// Reasons for a 400, and the part of the message that they become.
fn reason(name: &str, reasons: &[&str], shown: &str) -> Row {
    let shown = if shown.is_empty() { String::new() } else { format!("; the server reports: {shown}") };
    let why = format!("the server answered 400 (bad request){shown}");
    row(name, 400, reasons, &Effect::Fatal { why, hint: ODD.into() })
}

pub(super) fn section() -> Section {
    let percent: String = TOKEN.bytes().map(percent_encoding::percent_encode_byte).collect();
    let base64 = STANDARD.encode(format!("you {TOKEN}"));
    let pieces: Vec<_> = TOKEN.as_bytes().chunks(4).map(|piece| str::from_utf8(piece).expect("ASCII")).collect();
    let long = "x".repeat(5000);
    let invalid = "permission denied (403): the token is expired, revoked or unknown to this server; the server reports: \
                   invalid token\nhint: log in again, or set VAULT_TOKEN or --token-file to a valid token\n";
    let rows = vec![
        reason("a reason", &["invalid request"], "invalid request"),
        reason("several reasons", &["one", "two"], "one; two"),
        reason("a list of Go's", &["1 error occurred:\n\t* one\n\n"], "one"),
        reason("the words of the status", &["Bad Request", ""], ""),
        reason("control characters", &["\x1b[2Jone\r\u{202e}two"], "\\u{1b}[2Jone\\r\\u{202e}two"),
        reason("5000 characters", &[&long], &format!("{}…", &long[..197])),
        reason("the token", &[&format!("no such token: {TOKEN}")], ""),
        reason("eight characters of the token", &[&TOKEN[4..12]], ""),
        reason("the token, percent-encoded", &[&percent], ""),
        reason("the token, in Base64", &[&base64], ""),
        reason("the token in pieces", &pieces, ""),
        reason("the token in a line", &[&pieces.join(" ")], ""),
        reason("the token beyond what is shown", &[&format!("{}{TOKEN}", &long[..250])], ""),
        row(
            "`invalid token`, status 403",
            403,
            &["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"],
            &Effect::StageMessage(invalid.into()),
        ),
    ];
    Section {
        title: "The server's reason",
        about: "The `errors` of a response with status 400 to a read, over HTTP and TLS. One request is sent.",
        columns: &["the errors have", "message"],
        rows,
    }
}
