//! `[net]` The requests of the API, as vaultrs writes them. No other file knows it.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use http::HeaderName;
use http_body_util::Full;
use rustify::Endpoint;
use serde::{Serialize, Serializer};
use url::Url;
use vaultrs::api::EndpointMiddleware;
use vaultrs::api::kv1::requests::{GetSecretRequest, SetSecretRequest};
use vaultrs::api::kv2::requests::ReadSecretRequest;

use crate::secret::Secret;
use crate::vault::error::{Result, TransportError};
use crate::vault::http::HttpRequest;

/// The header that carries the token.
pub(super) const X_VAULT_TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// A request that can be sent any number of times.
pub(super) struct PreparedRequest {
    /// The path below `/v1/`, not percent-encoded, for the log.
    pub(super) path: String,
    pub(super) url: Url,
    pub(super) http: HttpRequest,
}

/// A request of the API, without the token.
pub(super) trait ApiRequest {
    /// Writes it for the server at `address`, whose path precedes `/v1`.
    ///
    /// # Errors
    /// [`TransportError::InvalidRequest`]
    fn prepare(self, address: &Url, namespace: Option<&str>) -> Result<PreparedRequest>;
}

/// `GET`: a logical read.
pub(super) fn read(path: &str) -> impl ApiRequest {
    let (mount, path) = path.split_once('/').unwrap_or((path, ""));
    GetSecretRequest { mount: mount.into(), path: path.into() }
}

/// A read that the `default` policy allows for every valid token.
pub(super) fn lookup_self() -> impl ApiRequest {
    read("auth/token/lookup-self")
}

/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>
pub(super) fn read_kv2(mount: String, path: String, version: Option<u64>) -> impl ApiRequest {
    ReadSecretRequest { mount, path, version }
}

/// `POST` with an object of strings, or lists of them for names that are repeated. The values are UTF-8: credentials that
/// were given and files were checked, others are from JSON.
pub(super) fn write<S: Borrow<Secret>>(path: &str, fields: &[(&str, S)]) -> impl ApiRequest + use<S> {
    let (mount, path) = path.split_once('/').unwrap_or((path, ""));
    let mut body: BTreeMap<&str, Values> = BTreeMap::new();
    for (name, value) in fields {
        body.entry(name).or_default().0.push(str::from_utf8(value.borrow().expose()).unwrap_or_default());
    }
    let data = serde_json::to_vec(&body).unwrap_or_default();
    SetSecretRequest { mount: mount.into(), path: path.into(), data }
}

/// The values of the fields with one name.
#[derive(Default)]
struct Values<'a>(Vec<&'a str>);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0[..] {
            [value] => value.serialize(serializer),
            ref values => values.serialize(serializer),
        }
    }
}

impl<E: Endpoint> ApiRequest for E {
    fn prepare(self, address: &Url, namespace: Option<&str>) -> Result<PreparedRequest> {
        let path = self.path();
        // It would keep the token in a type that can be printed, so it gets none, and then adds no header for it.
        let token = String::new();
        let middleware =
            EndpointMiddleware { token, version: "v1".into(), wrap: None, namespace: namespace.map(Into::into) };
        let mut url = address.clone();
        url.set_path("");
        let request = self.with_middleware(&middleware).request(url.as_str());
        let request = request.map_err(|_| TransportError::InvalidRequest)?;
        let prefix = address.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{}", request.uri().path()));
        url.set_query(request.uri().query().filter(|query| !query.is_empty()));
        Ok(PreparedRequest { path, url, http: request.map(|body| Full::new(body.into())) })
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::secret_path::SecretPath;

    #[test]
    fn a_request_has_the_prefix_of_the_address_and_no_token() {
        let address = Url::parse("https://vault.test:8200/proxied/").unwrap();
        let request = read_kv2("a/b".into(), "c d".into(), Some(3)).prepare(&address, Some("team")).unwrap();
        assert_eq!(request.path, "a/b/data/c d");
        assert_eq!(request.url.as_str(), "https://vault.test:8200/proxied/v1/a/b/data/c%20d?version=3");
        let mut headers: Vec<_> = request.http.headers().keys().map(http::HeaderName::as_str).collect();
        headers.sort_unstable();
        assert_eq!(headers, ["x-vault-namespace", "x-vault-request"]);
    }

    proptest! {
        /// The rule for paths of a discovered project file judges the path as it was given.
        #[test]
        fn a_server_decodes_the_path_that_was_given(
            segments in vec("[^/\\pC]{1,6}|[.%\\\\?#;2eEfF]{1,6}", 2..5),
            address in select(vec!["https://vault.test", "http://vault.test/proxied/"]),
        ) {
            let path = segments.join("/");
            prop_assume!(SecretPath::parse(&path).is_ok_and(|parsed| parsed.api_path() == path));
            let address = Url::parse(address).unwrap();
            let prefix = address.path().trim_end_matches('/');
            let decoded = |request: PreparedRequest| {
                assert_eq!((request.url.query(), request.url.fragment()), (None, None));
                percent_decode_str(request.url.path()).decode_utf8().unwrap().into_owned()
            };
            prop_assert_eq!(decoded(read(&path).prepare(&address, None).unwrap()), format!("{prefix}/v1/{path}"));
            let kv2 = read_kv2(path.clone(), path.clone(), None).prepare(&address, None).unwrap();
            prop_assert_eq!(decoded(kv2), format!("{prefix}/v1/{path}/data/{path}"));
        }
    }
}
