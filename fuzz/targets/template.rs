//! Templates are parsed and rendered as by a second, simpler implementation of the rules. The column of an error is that
//! of a brace, and no message quotes a value. The same text is the value of a variable with references.
#![no_main]

use std::collections::BTreeMap;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use vault_exec::env_name::EnvName;
use vault_exec::kv::KvSecret;
use vault_exec::secret::Secret;
use vault_exec::secret_path::SecretPath;
use vault_exec::template::{TemplateError, TemplateErrorKind, Template};
use vault_exec_fuzz::{printed, unescape};

const VALUE: &str = "hunter2";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The lines after `%%` are secrets, `path#key=value`, or `path#key` for a null; the template is before it.
fuzz_target!(|text: &str| {
    let (template, lines) = text.split_once("\n%%\n").unwrap_or((text, ""));
    let mut secrets: Vec<KvSecret> = Vec::new();
    for line in lines.lines() {
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(unescape(value))));
        let Some((path, key)) = name.split_once('#') else { continue };
        let Ok(path) = SecretPath::parse(path) else { continue };
        let pair = (key.to_owned(), value.map(|value| Rc::new(Secret::new(value.into_bytes()))));
        match secrets.iter_mut().find(|secret| secret.path == path) {
            Some(secret) => secret.data.push(pair),
            None => secrets.push(KvSecret { path, version: None, data: vec![pair], lease_duration: None, exported: true }),
        }
    }

    let doubled = template.replace('{', "{{").replace('}', "}}");
    let itself = Template::parse(&doubled).and_then(|parsed| parsed.render(&secrets)).expect("doubled braces are literal");
    assert_eq!(itself.expose(), template.as_bytes());

    let rendered = Template::parse(template).and_then(|parsed| parsed.render(&secrets));
    match (rendered, model(template, &secrets)) {
        (Ok(rendered), Some(expected)) => assert_eq!(rendered.expose(), expected),
        (Ok(_), None) => panic!("an invalid template was rendered"),
        (Err(error), Some(_)) => panic!("a valid template was rejected: {error}"),
        (Err(error), None) => assert_error(&error, template, lines),
    }

    let parsed = Template::parse_references(template.as_bytes()).map_err(|_| ());
    let replaced = parsed.and_then(|parsed| parsed.map(|parsed| parsed.render(&secrets)).transpose().map_err(|_| ()));
    let replaced = replaced.map(|replaced| replaced.map(|value| value.expose().to_vec()));
    assert_eq!(replaced, inherited(template, &secrets));
});

/// What becomes of an inherited value; `None` if it has no reference.
fn inherited(value: &str, secrets: &[KvSecret]) -> Result<Option<Vec<u8>>, ()> {
    if let Some(rest) = without_scheme(value) {
        let is_port = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        return if is_port { Ok(None) } else { referenced(value, secrets).map(Some) };
    }
    let mut chunks = value.split("${");
    let (mut out, mut is_found) = (chunks.next().unwrap_or_default().as_bytes().to_vec(), false);
    for chunk in chunks {
        if without_scheme(chunk).is_some() {
            let (reference, after) = chunk.split_once('}').ok_or(())?;
            out.extend(referenced(reference, secrets)?);
            out.extend(after.bytes());
            is_found = true;
        } else {
            out.extend(format!("${{{chunk}").bytes());
        }
    }
    Ok(is_found.then_some(out))
}

fn without_scheme(text: &str) -> Option<&str> {
    let text = [">>", ">"].iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text);
    text.strip_prefix("vault:").or_else(|| text.strip_prefix("bao:"))
}

fn referenced(reference: &str, secrets: &[KvSecret]) -> Result<Vec<u8>, ()> {
    let rest = without_scheme(reference).ok_or(())?;
    let is_ciphertext = rest.split_once(':').is_some_and(|(start, _)| {
        start.strip_prefix('v').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if reference.starts_with('>') || is_ciphertext || rest.contains("${") || rest.contains("{{") {
        return Err(());
    }
    let parts: Vec<&str> = rest.split('#').collect();
    let (path, key) = match parts[..] {
        [path, key] => (path.to_owned(), key),
        [path, key, version] if SecretPath::parse(path).is_ok_and(|path| path.version.is_none()) => {
            (format!("{path}@{}", version.parse::<u64>().map_err(|_| ())?), key)
        }
        _ => return Err(()),
    };
    let path = SecretPath::parse(&path).map_err(|_| ())?;
    let secret = secrets.iter().find(|secret| secret.path == path).ok_or(())?;
    let (_, value) = secret.data.iter().rfind(|(name, _)| name == key && !key.is_empty()).ok_or(())?;
    value.as_ref().map(|value| value.expose().to_vec()).ok_or(())
}

/// The rules: braces are searched from left to right; a single pair encloses a placeholder.
fn model(template: &str, secrets: &[KvSecret]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.extend(rest[..at].bytes());
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            out.push(rest.as_bytes()[0]);
            rest = after;
        } else {
            let (inner, after) = rest.strip_prefix('{')?.split_once('}')?;
            out.extend(placeholder(inner, secrets)?);
            rest = after;
        }
    }
    out.extend(rest.bytes());
    Some(out)
}

fn placeholder(inner: &str, secrets: &[KvSecret]) -> Option<Vec<u8>> {
    if inner.contains('{') {
        return None;
    }
    let mut parts = inner.split('|');
    let reference = parts.next()?;
    let (path, key) = match reference.find('#') {
        Some(at) => (Some(SecretPath::parse(reference[..at].trim()).ok()?), reference[at + 1..].trim()),
        None => (None, reference.trim()),
    };
    let of_path = |secret: &&KvSecret| path.as_ref().is_none_or(|path| secret.path == *path);
    let mut found = None;
    for (name, value) in secrets.iter().filter(of_path).flat_map(|secret| &secret.data) {
        if name == key {
            found = Some(value);
        }
    }
    let value = found?.as_ref()?.expose().to_vec();
    if key.is_empty() { None } else { parts.try_fold(value, |value, filter| filtered(value, filter.trim())) }
}

fn filtered(value: Vec<u8>, filter: &str) -> Option<Vec<u8>> {
    match filter {
        "url" => Some(value.iter().flat_map(|&byte| percent(byte)).collect()),
        "base64" => Some(base64(&value)),
        "unbase64" => unbase64(&value),
        _ => member(&value, filter.strip_prefix("json:")?),
    }
}

/// Decodes what encoding gives back: the digits that are not in one alphabet are in the other.
fn unbase64(value: &[u8]) -> Option<Vec<u8>> {
    let digits: String = str::from_utf8(value).ok()?.chars().filter(|digit| !"\r\n".contains(*digit)).collect();
    let bare = digits.trim_end_matches('=');
    let padding = digits.len() - bare.len();
    let standard = bare.replace('-', "+").replace('_', "/");
    let mut bytes: Vec<u8> = Vec::new();
    for group in standard.as_bytes().chunks(4) {
        let digit = |&byte: &u8| ALPHABET.iter().position(|known| *known == byte);
        let bits = group.iter().map(digit).try_fold(0, |bits, digit| Some(bits << 6 | digit?))? << (24 - 6 * group.len());
        bytes.extend(&(bits as u32).to_be_bytes()[1..group.len().max(1)]);
    }
    let encoded = base64(&bytes);
    let canonical = encoded.iter().filter(|digit| **digit == b'=').count();
    let is_mixed = bare.contains(['-', '_']) && bare.contains(['+', '/']);
    let is_same = encoded[..encoded.len() - canonical] == *standard.as_bytes();
    (is_same && !is_mixed && padding <= canonical).then_some(bytes)
}

fn member(value: &[u8], pointer: &str) -> Option<Vec<u8>> {
    let pointer = percent_decode_str(pointer).decode_utf8().ok()?;
    let mut text = serde_json::from_slice::<&RawValue>(value).ok()?.get();
    let mut tokens = pointer.split('/');
    if tokens.next() != Some("") || pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
        return None;
    }
    for token in tokens {
        let name = token.replace("~1", "/").replace("~0", "~");
        text = if text.starts_with('[') {
            let index: usize = name.parse().ok().filter(|index: &usize| index.to_string() == name)?;
            serde_json::from_str::<Vec<&RawValue>>(text).ok()?.get(index)?.get()
        } else {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(text).ok()?.get(&name)?.get()
        };
    }
    match text.as_bytes()[0] {
        b'n' => None,
        b'"' => serde_json::from_str::<String>(text).ok().map(String::into_bytes),
        _ => Some(text.into()),
    }
}

fn percent(byte: u8) -> Vec<u8> {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { vec![byte] } else { format!("%{byte:02X}").into() }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, place| bits << 8 | chunk.get(place).map_or(0, |&byte| byte.into()));
        let digit = |place: usize| ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
        out.extend((0..4).map(|place| if place <= chunk.len() { digit(place) } else { b'=' }));
    }
    out
}

fn assert_error(error: &TemplateError, template: &str, secrets: &str) {
    let brace = template.chars().nth(error.column.expect("a template has columns") - 1).expect("the column is in the text");
    assert_eq!(brace, if error.kind == TemplateErrorKind::Unopened { '}' } else { '{' });
    let name = EnvName::parse("NAME").expect("a name");
    let printed = printed(&error.in_assignment("--set", &name).into());
    let quoted =
        template.contains(VALUE) || secrets.lines().any(|line| line.split('=').next().unwrap().contains(VALUE));
    assert!(quoted || !printed.contains(VALUE), "{printed}");
}
