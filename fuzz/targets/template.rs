//! Templates are parsed and rendered as by a second, simpler implementation of the rules. The column of an error is that
//! of a brace, and no message quotes a value.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use vault_exec::env_name::EnvName;
use vault_exec::kv::KvSecret;
use vault_exec::secret::Secret;
use vault_exec::secret_path::SecretPath;
use vault_exec::template::{TemplateError, TemplateErrorKind, Template};
use vault_exec_fuzz::{printed, unescape};

const VALUE: &str = "hunter2";

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
            None => secrets.push(KvSecret { path, version: None, data: vec![pair], lease_duration: None }),
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
});

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
    let bars = inner.matches('|').count();
    let mut parts = inner.rsplitn(2, '|');
    let filter = if bars == 0 { "" } else { parts.next()?.trim() };
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
    let value = found?.as_ref()?.expose();
    match filter {
        _ if key.is_empty() => None,
        "" if bars == 0 => Some(value.to_vec()),
        "url" => Some(value.iter().flat_map(|&byte| percent(byte)).collect()),
        "base64" => Some(base64(value)),
        _ => None,
    }
}

fn percent(byte: u8) -> Vec<u8> {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { vec![byte] } else { format!("%{byte:02X}").into() }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, place| bits << 8 | chunk.get(place).map_or(0, |&byte| byte.into()));
        let digit = |place: usize| ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
        out.extend((0..4).map(|place| if place <= chunk.len() { digit(place) } else { b'=' }));
    }
    out
}

fn assert_error(error: &TemplateError, template: &str, secrets: &str) {
    let brace = template.chars().nth(error.column - 1).expect("the column is in the text");
    assert_eq!(brace, if error.kind == TemplateErrorKind::Unopened { '}' } else { '{' });
    let name = EnvName::parse("NAME").expect("a name");
    let printed = printed(&error.in_assignment("--set", &name).into());
    let quoted =
        template.contains(VALUE) || secrets.lines().any(|line| line.split('=').next().unwrap().contains(VALUE));
    assert!(quoted || !printed.contains(VALUE), "{printed}");
}
