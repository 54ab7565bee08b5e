//! `[net]` The responses of the API, each parsed once.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::Address;
use crate::error::CliError;
use crate::secret::Secret;

/// A response with data of type `T`.
pub(super) struct Response<T> {
    pub(super) status: StatusCode,
    /// `None` for anything but a JSON object with an envelope's fields.
    envelope: Option<Envelope<T>>,
    is_from_tls_port: bool,
}

/// The fields that every response has in common. What else the server says stays unread.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    request_id: Option<String>,
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default, deserialize_with = "if_fitting")]
    data: Option<T>,
    #[serde(default, deserialize_with = "if_fitting")]
    auth: Option<Auth>,
}

/// The token that a login, or an unwrapped login, returns.
#[derive(Deserialize)]
pub(super) struct Auth {
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
pub(super) struct Fields(pub(super) Vec<(String, Option<Secret>)>);

/// What a path lacks on the server.
#[derive(Clone, Copy)]
pub(super) enum Missing {
    Mount,
    Namespace,
}

impl<T: DeserializeOwned> Response<T> {
    pub(super) fn parse(response: &http::Response<Vec<u8>>) -> Self {
        Self {
            status: response.status(),
            // serde's errors quote what they reject, so none leaves this file.
            envelope: serde_json::from_slice(response.body()).ok(),
            is_from_tls_port: response.status() == StatusCode::BAD_REQUEST
                && response.body().starts_with(b"Client sent an HTTP request to an HTTPS server"),
        }
    }
}

impl<T> Response<T> {
    /// The data, if it has the expected form.
    pub(super) fn into_data(self) -> Option<T> {
        self.envelope?.data
    }

    /// The token, if it is returned and not yet taken.
    pub(super) fn take_auth(&mut self) -> Option<Auth> {
        self.envelope.as_mut()?.auth.take()
    }

    /// How long the server lends the data; `None` if it cannot revoke it.
    pub(super) fn lease(&self) -> Option<Duration> {
        let envelope = self.envelope.as_ref().filter(|envelope| !envelope.lease_id.is_empty())?;
        Some(Duration::from_secs(envelope.lease_duration))
    }

    /// Whether a lease duration is reported, as for every secret of KV v1, with or without a lease.
    pub(super) fn has_lease_duration(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| envelope.lease_duration > 0)
    }

    /// Whether Vault or `OpenBao` itself answered, rather than a proxy or another server.
    pub(super) fn is_from_vault(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| envelope.request_id.is_some() || envelope.errors.is_some())
    }

    /// What the server reports as missing, in words that it has used since its first releases.
    pub(super) fn missing(&self) -> Option<Missing> {
        if self.has_message("no handler for route") {
            Some(Missing::Mount)
        } else if self.has_message("namespace not found") {
            Some(Missing::Namespace)
        } else {
            None
        }
    }

    /// Whether an error or a warning contains this text.
    fn has_message(&self, text: &str) -> bool {
        let lists = self.envelope.iter().flat_map(|envelope| [&envelope.errors, &envelope.warnings]);
        lists.flatten().flatten().any(|message| message.contains(text))
    }

    /// The error for a status or a body that the request does not allow for.
    pub(super) fn unexpected(&self, address: &Address) -> CliError {
        let (status, source) = (self.status.as_u16(), &address.source);
        if self.is_from_tls_port {
            return CliError::new(format!("{address}: the server speaks TLS"))
                .hint(format!("write https:// (the address is from {source})"));
        }
        if !self.is_from_vault() || self.status == StatusCode::OK {
            return CliError::new(format!("{address}: the server answered {status}, but not as Vault does"))
                .hint(format!("is this Vault's address? It is from {source}"));
        }
        let reason = self.status.canonical_reason().unwrap_or("a status of its own").to_lowercase();
        CliError::new(format!("{address}: the server answered {status} ({reason})"))
            .hint("check the path, --kv and --mount, and look into the server's log")
    }
}

/// A part of the body, or `None` if it has another form: the rest still tells whose response it is.
fn if_fitting<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    Ok(serde_json::from_str(text).ok())
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
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}
