//! Bodies that resemble a response of Vault.

use crate::faults::request::{Effect, Step, check_effect, expected};
use crate::faults::{Row, Section, Trial};
use crate::support::canary::CANARY;
use crate::support::fake_server::Reply;

/// A valid response with this text in its innermost object.
fn around(data: &str) -> String {
    format!(r#"{{"data":{{"data":{{{data}}},"metadata":{{"version":1,"destroyed":false}}}}}}"#)
}

fn row(name: &str, effect: &Effect, body: impl Into<Vec<u8>>) -> Row {
    let body: Vec<u8> = body.into();
    let [when, said] = effect.columns();
    let mut trials = Vec::new();
    for (tls, voice) in [
        (false, &[][..]),
        (true, &[]),
        (false, &["-vv"]),
        (false, &["-vv", "--log-format", "json"]),
        (false, &["--attempts", "1"]),
    ] {
        let (body, expected) = (body.clone(), expected(Step::Read, effect, false));
        trials.push(Trial {
            name: format!("{name}, TLS: {tls} {}", voice.join(" ")),
            waits: false,
            needs_root: false,
            check: Box::new(move || {
                let fake = Step::Read.fake([Reply::answer(200, body.clone())], tls);
                check_effect(Step::Read, &fake, &expected, voice);
            }),
        });
    }
    Row { columns: vec![name.to_owned(), when, said], trials }
}

/// A message about the secret.
fn whole(why: &str, hint: &str) -> Effect {
    Effect::Message(format!("vault-exec: {why}\nhint: {hint}\n"))
}

pub(super) fn section() -> Section {
    let foreign = Effect::NotFromVault(200);
    let good = around(&format!(r#""a":"{CANARY}""#));
    let mut broken = good.clone().into_bytes();
    let end = broken.iter().rposition(|&byte| byte == b'y').expect("the canary");
    broken[end] = 0xff;
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lists = "[".repeat(100_000) + &"]".repeat(100_000);
    let rows = vec![
        row("a byte that is not UTF-8", &foreign, broken),
        row("UTF-16", &foreign, utf16),
        row("a byte order mark in front", &foreign, format!("\u{feff}{good}")),
        row("half a surrogate", &foreign, around(&format!(r#""a":"{CANARY}\ud800""#))),
        row("text behind the end", &foreign, format!("{good} {CANARY}")),
        row("two answers", &foreign, good.repeat(2)),
        row("no secret in it", &foreign, format!(r#"{{"data":"{CANARY}"}}"#)),
        row("a secret that is a string", &foreign, around("").replace("{}", &format!("\"{CANARY}\""))),
        row("a secret that is a list", &foreign, around("").replace("{}", &format!("[\"{CANARY}\"]"))),
        row("no metadata", &foreign, format!(r#"{{"data":{{"data":{{"a":"{CANARY}"}}}}}}"#)),
        row("a version that is a string", &foreign, good.replace(":1,", ":\"1\",")),
        row("a version over 64 bits", &foreign, good.replace(":1,", ":18446744073709551616,")),
        row("data twice", &foreign, good.replacen("{\"data\"", "{\"data\":{},\"data\"", 1)),
        row("metadata twice", &foreign, good.replace(",\"metadata\"", ",\"metadata\":{\"version\":2},\"metadata\"")),
        row("an error beside the secret", &Effect::Accepted, good.replacen('{', "{\"errors\":[\"canary\"],", 1)),
        row("fields that nobody knows", &Effect::Accepted, good.replacen('{', "{\"canary\":{\"canary\":[]},", 1)),
        row("a list of 100,000 lists, never closed", &foreign, format!("{{\"data\":{}", "[".repeat(100_000))),
        row("objects in objects, never closed", &foreign, format!("{{\"data\":{}", "{\"data\":".repeat(100_000))),
        row(
            "a list of 100,000 lists beside the data",
            &Effect::Accepted,
            good.replacen('{', &format!("{{\"x\":{lists},"), 1),
        ),
        row(
            "a list of 100,000 lists that is a value",
            &whole(
                "longer than the kernel limit of 128 KiB: A",
                "leave it out with --skip, or make it a file with --file",
            ),
            around(&format!(r#""a":{lists}"#)),
        ),
        row(
            "a value of null",
            &whole("secret/app: key `a` is null", "give it a value (\"\" is one), or leave it out with --skip 'a'"),
            around("\"a\":null"),
        ),
        row(
            "a NUL in a value",
            &whole(
                "secret/app: key `a` contains a NUL byte, which no variable can",
                "store it base64-encoded, or leave it out with --skip 'a'",
            ),
            around(r#""a":"canary\u0000""#),
        ),
        row(
            "no keys",
            &whole("secret/app: the secret has no keys", "add a key to it, or leave the path out"),
            around(""),
        ),
        row(
            "the same key twice",
            &whole("secret/app: keys `a` and `a` would both become A", "leave one out with --skip 'a'"),
            around(r#""a":"canary","a":"canary""#),
        ),
        row(
            "two keys that become one name",
            &whole(
                "secret/app: keys `a` and `A` would both become A",
                "leave one out with --skip 'a', or keep both with --case keep",
            ),
            around(r#""a":"canary","A":"canary""#),
        ),
        row(
            "an empty key",
            &whole("secret/app: key `` would become an empty name", "give --prefix, or rename the key"),
            around(r#""":"canary""#),
        ),
        row(
            "a key that makes programs run code",
            &whole(
                "secret/app: key `ld_preload` would become LD_PRELOAD, which can make a program run code",
                "leave it out with --skip 'ld_preload'; --allow-name LD_PRELOAD, or --set on the command line, permits it",
            ),
            around(r#""ld_preload":"canary""#),
        ),
        row("a key with a NUL", &Effect::Accepted, around(r#""a":"canary","b\u0000c":"canary""#)),
    ];
    Section {
        title: "The body",
        about: "Sent with status 200 in response to a read, over HTTP and TLS. One request is sent, and no value is printed.",
        columns: &["the body has", "result", "message"],
        rows,
    }
}
