//! Secrets that no output contains by chance, and the forms in which one could be printed.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ring::digest::{SHA256, digest};

/// The shortest part of a form that counts as a leak.
const PIECE: usize = 8;

/// The secrets of all cases, by name.
static CANARIES: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let plain = [
        "token",
        "wrapping token",
        "token of a login",
        "token at home",
        "secret_id",
        "jwt",
        "request token",
        "header",
        "userinfo",
        "query",
        "command line",
        "member",
    ];
    let odd = ["value", "other value", "nested value", "inherited value", "literal", "server's words", "key"];
    let canaries = plain.into_iter().map(|name| (name, random(name, 44)));
    let canaries = canaries.chain(odd.into_iter().map(|name| (name, with_all_that_is_escaped(name))));
    let password = with_all_that_is_escaped("password").replace(char::is_control, "~");
    canaries.chain([("password", password), ("number", number("number"))]).collect()
});

/// Every piece of every form, and the secret and form it is from.
static PIECES: LazyLock<HashMap<Vec<u8>, String>> = LazyLock::new(|| {
    let mut pieces = HashMap::new();
    for (name, canary) in CANARIES.iter() {
        for (form, text) in forms(canary.as_bytes()) {
            for piece in text.windows(PIECE) {
                pieces.entry(piece.to_vec()).or_insert_with(|| format!("the {name}, {form}"));
            }
        }
    }
    pieces
});

/// The secret of this name.
pub(super) fn canary(name: &str) -> &'static str {
    CANARIES.get(name).unwrap_or_else(|| panic!("no canary is called {name}"))
}

/// The secrets in a text, each with its form.
pub(super) fn found(text: &[u8]) -> Vec<String> {
    let pieces = text.windows(PIECE).filter_map(|piece| PIECES.get(piece));
    let mut found: Vec<_> = pieces.collect::<HashSet<_>>().into_iter().cloned().collect();
    found.sort();
    found
}

/// Letters and digits that are the same in every run, so that failures are reproducible.
fn random(name: &str, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let blocks = (0..).flat_map(|block| digest(&SHA256, format!("{name} {block}").as_bytes()).as_ref().to_vec());
    blocks.take(length).map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

fn number(name: &str) -> String {
    random(name, 24).bytes().map(|byte| char::from(b'1' + byte % 9)).collect()
}

/// Random characters mixed with characters that encodings change, so that the forms differ from each other.
fn with_all_that_is_escaped(name: &str) -> String {
    let random = random(name, 60);
    let odd = ["\"", "\\", "\n", "%", "é", "'", "\t", "🔑", "<", "&", "/", "+"];
    random
        .as_bytes()
        .chunks(5)
        .zip(odd)
        .fold(String::new(), |text, (chunk, odd)| text + str::from_utf8(chunk).expect("ASCII") + odd)
}

/// The forms in which a text could contain these bytes, with their names.
fn forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |encode: &dyn Fn(u8) -> String| bytes.iter().map(|&byte| encode(byte)).collect::<String>().into_bytes();
    let reserved = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte);
    let text = str::from_utf8(bytes).expect("a canary is text");
    let ascii =
        serde_json::to_string(text).expect("text is JSON").chars().fold(String::new(), |mut ascii, character| {
            let mut units = [0; 2];
            if character.is_ascii() {
                ascii.push(character);
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(ascii, "\\u{unit:04x}").expect("memory");
                }
            }
            ascii
        });
    let mut forms = vec![
        ("as it is", bytes.to_vec()),
        ("in upper case", bytes.to_ascii_uppercase()),
        ("in lower case", bytes.to_ascii_lowercase()),
        ("in hex", each(&|byte| format!("{byte:02x}"))),
        ("in HEX", each(&|byte| format!("{byte:02X}"))),
        ("in hex with blanks", each(&|byte| format!("{byte:02x} "))),
        ("as a list of bytes", each(&|byte| format!("{byte}, "))),
        ("percent-encoded", each(&|byte| format!("%{byte:02X}"))),
        ("percent-encoded in lower case", each(&|byte| format!("%{byte:02x}"))),
        ("in a URL", each(&|byte| if reserved(byte) { format!("%{byte:02X}") } else { char::from(byte).into() })),
        ("in a form", each(&|byte| if reserved(byte) { format!("%{byte:02x}") } else { char::from(byte).into() })),
        ("in JSON", serde_json::to_vec(text).expect("text is JSON")),
        ("in ASCII JSON", ascii.into_bytes()),
        ("in Rust's Debug", format!("{text:?}").into_bytes()),
        ("in Rust's escape_default", text.escape_default().to_string().into_bytes()),
        ("in Rust's escape_ascii", bytes.escape_ascii().to_string().into_bytes()),
    ];
    // The first and the last characters also encode bits of the neighbouring text.
    for skipped in 0..3 {
        let rest = &bytes[skipped..];
        let whole = &rest[..rest.len() / 3 * 3];
        forms.push(("in base64", STANDARD.encode(whole).into_bytes()));
        forms.push(("in base64 for URLs", URL_SAFE.encode(whole).into_bytes()));
    }
    forms
}

#[test]
fn every_form_of_a_secret_is_found() {
    let value = canary("value");
    let url: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    for text in [
        value[10..].to_owned(),
        format!("{:x?}", value.as_bytes()),
        format!("{value:?}"),
        format!("{:?}", value.as_bytes()),
        serde_json::json!([value]).to_string(),
        STANDARD.encode(format!("me:{value}")),
        STANDARD.encode(format!("me2:{value}")),
        STANDARD.encode(format!("you2:{value}")),
        url,
    ] {
        let inside = format!("vault-exec: read secret/app: {text}\n");
        assert!(!found(inside.as_bytes()).is_empty(), "{text}");
    }
    let harmless = "vault-exec: read secret/app: http://127.0.0.1:34567: connection refused; gave up after 1 try";
    assert!(found(harmless.as_bytes()).is_empty());
}
