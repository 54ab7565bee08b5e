//! `[pure]` References in inherited variables, as bank-vaults' vault-env replaces them: `vault:PATH#KEY` as a whole value,
//! and `${vault:PATH#KEY}` anywhere in one.

use crate::error::CliError;
use crate::secret_path::SecretPath;

/// A part of a value.
pub(super) enum Piece<'a> {
    Text(&'a [u8]),
    Reference { path: SecretPath, key: String },
}

/// Why a value that looks like a reference cannot be replaced. Contains nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum ReferenceError {
    Malformed,
    Write,
    GoTemplate,
    Ciphertext,
    Login,
}

/// Splits the value of a variable; `None` without a reference. `vault:8200`, a host and a port, is none.
///
/// # Errors
/// If the value begins like a reference, or contains what does, and that cannot be replaced.
pub(super) fn parse(value: &[u8]) -> Result<Option<Vec<Piece<'_>>>, ReferenceError> {
    if let Some((_, reference)) = split_scheme(value) {
        let is_port = !reference.is_empty() && reference.iter().all(u8::is_ascii_digit);
        return if is_port { Ok(None) } else { Ok(Some(vec![parse_one(value)?])) };
    }
    let mut pieces = Vec::new();
    let (mut text, mut rest) = (value, value);
    while let Some(start) = rest.windows(2).position(|pair| pair == b"${") {
        rest = &rest[start + 2..];
        if split_scheme(rest).is_some() {
            let length = rest.iter().position(|&byte| byte == b'}').ok_or(ReferenceError::Malformed)?;
            pieces.push(Piece::Text(&text[..text.len() - rest.len() - 2]));
            pieces.push(parse_one(&rest[..length])?);
            rest = &rest[length + 1..];
            text = rest;
        }
    }
    if pieces.is_empty() {
        return Ok(None);
    }
    pieces.push(Piece::Text(text));
    Ok(Some(pieces))
}

fn parse_one(reference: &[u8]) -> Result<Piece<'_>, ReferenceError> {
    let Some((false, reference)) = split_scheme(reference) else { return Err(ReferenceError::Write) };
    let reference = str::from_utf8(reference).map_err(|_| ReferenceError::Malformed)?;
    if reference.contains("${") || reference.contains("{{") {
        return Err(ReferenceError::GoTemplate);
    }
    if let Some((version, _)) = reference.strip_prefix('v').and_then(|rest| rest.split_once(':'))
        && version.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(ReferenceError::Ciphertext);
    }
    let mut parts = reference.split('#');
    let (path, key, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    let mut path = SecretPath::parse(path).map_err(|_| ReferenceError::Malformed)?;
    if let Some(version) = version {
        let number = version.parse().ok().filter(|number: &u64| path.version.is_none() && *number > 0);
        path.version = Some(number.ok_or(ReferenceError::Malformed)?);
    }
    if key.is_empty() || parts.next().is_some() {
        return Err(ReferenceError::Malformed);
    }
    Ok(Piece::Reference { path, key: key.to_owned() })
}

/// Splits `vault:` or `bao:` off; `true` for a reference that writes, with `>` before it.
fn split_scheme(text: &[u8]) -> Option<(bool, &[u8])> {
    let unmarked = text.strip_prefix(b">").map(|text| text.strip_prefix(b">").unwrap_or(text));
    let marked = unmarked.unwrap_or(text);
    let rest = marked.strip_prefix(b"vault:").or_else(|| marked.strip_prefix(b"bao:"));
    rest.map(|rest| (unmarked.is_some(), rest))
}

impl ReferenceError {
    /// The error in words, with the variable.
    #[must_use]
    pub fn in_variable(self, name: &str) -> CliError {
        let (reason, hint) = match self {
            Self::Malformed => (
                "not a valid reference",
                "write vault:PATH#KEY, or vault:PATH#KEY#N for version N; --set NAME=TEXT keeps any other value",
            ),
            Self::Write => (
                "a reference that writes (>>vault:)",
                "--write PATH?field=value sends the request, --set NAME={PATH#KEY} inserts a key of the response",
            ),
            Self::GoTemplate => (
                "a reference with a Go template",
                "compose the value with --set NAME={PATH#KEY}, see the filters of templates",
            ),
            Self::Ciphertext => (
                "ciphertext of the transit engine",
                "store the value in a KV secret, or decrypt it with --write transit/decrypt/KEY?ciphertext=TEXT and \
                 --set NAME={transit/decrypt/KEY#plaintext|unbase64}",
            ),
            Self::Login => (
                "the login token is passed on by --keep-token, not by vault:login",
                "unset the variable, name the login with --auth and --role, and give --keep-token",
            ),
        };
        CliError::new(format!("--references {name}: {reason}")).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces: text as it is, a reference as `<path#key>`.
    fn shown(value: &[u8]) -> Result<Option<String>, ReferenceError> {
        let shown = |piece: &Piece| match piece {
            Piece::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            Piece::Reference { path, key } => format!("<{}#{key}>", path.as_typed()),
        };
        Ok(parse(value)?.map(|pieces| pieces.iter().map(shown).collect()))
    }

    #[test]
    fn references_are_found_as_a_whole_value_and_in_braces() {
        for (value, expected) in [
            ("vault:secret/data/a#k", "<secret/data/a#k>"),
            ("bao:/secret/a/# k |x", "<secret/a# k |x>"),
            ("vault:secret/a@3#k", "<secret/a@3#k>"),
            ("vault:secret/a#k#3", "<secret/a@3#k>"),
            ("vault:secret/a@b#k#3", "<secret/a@b@3#k>"),
            ("pg://${vault:s/a#u}:${bao:s/a#p#2}@h/${x}$", "pg://<s/a#u>:<s/a@2#p>@h/${x}$"),
            ("$${vault:s/a#u}}", "$<s/a#u>}"),
            ("${${vault:s/a#u}", "${<s/a#u>"),
        ] {
            assert_eq!(shown(value.as_bytes()), Ok(Some(expected.to_owned())), "{value}");
        }
    }

    #[test]
    fn other_values_are_left_alone() {
        let others = ["", "vault:8200", "bao:1", " vault:s/a#k", "xvault:s/a#k", "VAULT:s/a#k", "${x}", "$vault:s/a#k"];
        for value in others.into_iter().chain(["vault", "http://vault:8200/x#y", "${ vault:s/a#k}", "a ${b", ">x", "$"])
        {
            assert_eq!(shown(value.as_bytes()), Ok(None), "{value}");
        }
        assert_eq!(shown(b"\xff${\xfe"), Ok(None));
    }

    #[test]
    fn what_cannot_be_replaced_is_an_error() {
        use ReferenceError::{Ciphertext, GoTemplate, Malformed, Write};
        for (value, expected) in [
            ("vault:", Malformed),
            ("vault:login", Malformed),
            ("vault:1.13.3", Malformed),
            ("vault:8200,vault:8201", Malformed),
            ("vault:s/a", Malformed),
            ("vault:s/a#", Malformed),
            ("vault:#k", Malformed),
            ("vault:s//a#k", Malformed),
            ("vault:s/a\n#k", Malformed),
            ("vault:s/a#k#", Malformed),
            ("vault:s/a#k#x", Malformed),
            ("vault:s/a#k#0", Malformed),
            ("vault:s/a@1#k#1", Malformed),
            ("vault:s/a#k#1#2", Malformed),
            ("vault:s/a@#k", Malformed),
            ("a${vault:s/a#k", Malformed),
            ("a${vault:8200}", Malformed),
            (">>vault:pki/issue#certificate", Write),
            (">>bao:t/d/k#${.p | b64dec}#{\"c\":\"vault:v1:x\"}", Write),
            ("a${>>vault:pki/issue#certificate}", Write),
            ("vault:s/a#${.a}:${.b}", GoTemplate),
            ("vault:s/a#{{ .a }}", GoTemplate),
            ("vault:s/a#a ${vault:s/a#k}", GoTemplate),
            ("a${vault:s/a#${.a | urlquery}}", GoTemplate),
            ("vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==", Ciphertext),
            ("${bao:v12:x}", Ciphertext),
        ] {
            assert_eq!(shown(value.as_bytes()), Err(expected), "{value}");
        }
        assert_eq!(shown(b"vault:s/\xff#k"), Err(Malformed));
    }
}
