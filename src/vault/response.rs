//! `[net]` The responses of the API, each parsed once.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::Address;
use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::error::TransportError;
use crate::vault::http::HttpResponse;
use crate::vault::server_text::{self, KnownSecrets};

/// Bytes of a credential: no header of a server takes more.
const MAX_CREDENTIAL_BYTES: usize = 64 * 1024;

/// What the data of a response can be parsed into.
pub(super) trait Data: Default + DeserializeOwned {}

impl<T: Default + DeserializeOwned> Data for T {}

/// A response whose body may have data of type `T`.
pub(super) struct Response<T> {
    pub(super) status: StatusCode,
    /// Empty unless the body is a JSON object with an envelope's fields.
    pub(super) body: Envelope<T>,
    /// Whether the request was repeated, and the server may have acted on an earlier attempt.
    pub(super) may_have_acted_before: bool,
    is_from_tls_port: bool,
}

/// The fields that every response has in common, and no others.
#[derive(Default, Deserialize)]
#[serde(default, bound = "T: Data")]
pub(super) struct Envelope<T> {
    request_id: Option<String>,
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
    lease_id: String,
    /// Seconds. KV v1 reports one for each secret, with or without a lease; KV v2 reports 0.
    pub(super) lease_duration: u64,
    /// `None` if it has another form than `T`.
    #[serde(deserialize_with = "if_fitting")]
    pub(super) data: Option<T>,
    #[serde(deserialize_with = "if_fitting")]
    pub(super) auth: Option<Auth>,
}

/// The token that a login, or an unwrapped login, returns.
#[derive(Deserialize)]
pub(super) struct Auth {
    /// Empty if the login requires MFA.
    #[serde(deserialize_with = "credential")]
    pub(super) client_token: Secret,
    #[serde(default)]
    pub(super) token_type: String,
    /// 0 for a token that can be used any number of times.
    #[serde(default)]
    pub(super) num_uses: u64,
    /// Seconds; 0 for a token that does not expire.
    #[serde(default)]
    pub(super) lease_duration: u64,
}

/// Keys and values in the order they were sent; `None` is a JSON `null`. A map would silently lose one of two equal keys.
#[derive(Default)]
pub(super) struct Fields(pub(super) Vec<(String, Option<Rc<Secret>>)>);

/// What a path lacks on the server.
#[derive(Clone, Copy)]
pub(super) enum Missing {
    Mount,
    Namespace,
}

impl<T: Data> Response<T> {
    pub(super) fn parse(response: &HttpResponse) -> Self {
        let (status, text) = (response.status(), response.body());
        Self {
            status,
            // serde's errors quote what they reject, so none leaves this file.
            body: parse_object(text).unwrap_or_default(),
            may_have_acted_before: false,
            is_from_tls_port: status == StatusCode::BAD_REQUEST && is_from_tls_port(text),
        }
    }
}

/// Whether a server that expects TLS answers so to plain HTTP: Go's and so Vault's own, nginx, or Apache.
fn is_from_tls_port(text: &[u8]) -> bool {
    [
        "Client sent an HTTP request to an HTTPS server",
        "The plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
    ]
    .iter()
    .any(|known| text.windows(known.len()).any(|part| part == known.as_bytes()))
}

impl<T> Response<T> {
    /// Whether Vault or `OpenBao` itself answered, rather than a proxy or another server.
    pub(super) const fn is_from_vault(&self) -> bool {
        self.body.request_id.is_some() || self.body.errors.is_some()
    }

    /// How long the server lends the data; `None` if it cannot revoke it.
    pub(super) fn lease(&self) -> Option<Duration> {
        (!self.body.lease_id.is_empty()).then(|| Duration::from_secs(self.body.lease_duration))
    }

    /// What the server reports as missing, in words that it has used since its first releases.
    pub(super) fn missing(&self) -> Option<Missing> {
        if self.has_message("no handler for route") {
            return Some(Missing::Mount);
        }
        self.has_message("namespace not found").then_some(Missing::Namespace)
    }

    /// Whether a read without `data/` was answered by a mount of KV v2.
    pub(super) fn is_of_kv2_mount(&self) -> bool {
        self.has_message("Invalid path for a versioned K/V secrets engine")
    }

    /// Whether the server rejects the token itself. `OpenBao` does not tell.
    pub(super) fn is_token_invalid(&self) -> bool {
        self.has_message("invalid token")
    }

    /// Whether a standby answers that no node is active.
    pub(super) fn has_no_active_node(&self) -> bool {
        self.has_message("active cluster node not found")
    }

    /// The server's reason for an error, if it adds to the status.
    pub(super) fn reason(&self) -> Option<Secret> {
        server_text::join(self.body.errors.as_deref()?, self.status)
    }

    /// Whether an error or a warning contains this text.
    fn has_message(&self, text: &str) -> bool {
        let lists = [&self.body.errors, &self.body.warnings].into_iter().flatten();
        lists.flatten().any(|message| message.contains(text))
    }

    /// The error for a status or a body that the request does not allow for.
    pub(super) fn unexpected(&self, address: &Address) -> CliError {
        let (status, source) = (self.status.as_u16(), &address.source);
        if self.is_from_tls_port {
            let (message, hint) = TransportError::NotPlain.describe((source, "", ""), &KnownSecrets::default());
            return CliError::new(format!("{address}: {message}")).hint(hint.unwrap_or_default());
        }
        if !self.is_from_vault() || self.status == StatusCode::OK {
            return CliError::new(format!("{address}: the response ({status}) is not in Vault's format"))
                .hint(format!("is this Vault's address? It is from {source}"));
        }
        let reason = self.status.canonical_reason().unwrap_or("unknown status").to_lowercase();
        CliError::new(format!("{address}: the server answered {status} ({reason})"))
            .hint("check the path, --kv and --mount, and see the server's log")
            .with_server_reason(self.reason())
    }
}

/// The error for a response without the expected data to a request that must not have its `effect` twice.
pub(super) fn lost(address: &Address, status: StatusCode, effect: &str, hint: &str) -> CliError {
    let error = match status.as_u16() {
        status @ 204 => CliError::new(format!("{address}: the response ({status}) has no data; {effect}")),
        status => CliError::new(format!("{address}: the response ({status}) is not in Vault's format; {effect}")),
    };
    error.hint(hint)
}

/// A part of the body, or `None` if it has another form: the rest still tells whose response it is.
pub(super) fn if_fitting<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    Ok(parse_object(text.as_bytes()))
}

/// A credential that is used: a string, and no other JSON value.
pub(super) fn credential<'de, D: Deserializer<'de>, T: From<Secret>>(deserializer: D) -> Result<T, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?;
    let is_string = text.get().starts_with('"') && text.get().len() <= MAX_CREDENTIAL_BYTES;
    let secret = if is_string { Secret::deserialize(text).ok() } else { None };
    secret.map(T::from).ok_or_else(|| D::Error::custom("not a credential"))
}

/// Parses a struct from a JSON object only: serde's own code also takes an array for one, as the values of its fields.
pub(super) fn parse_object<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    if text.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(text).ok() } else { None }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((key, value)) = map.next_entry::<_, Option<_>>()? {
                    fields.push((key, value.map(Rc::new)));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}
