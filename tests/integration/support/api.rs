//! The client of the tests for the API of Vault and `OpenBao`.

use serde_json::{Value, json};

use super::http;
use super::openbao::SHARED;
use super::wait::wait_until;

/// A server, a token and a namespace.
#[derive(Clone)]
pub(crate) struct Api {
    /// Scheme, host and port.
    pub(crate) origin: String,
    token: String,
    /// Empty for the root namespace, else with a `/` at its end.
    pub(crate) namespace: String,
}

impl Api {
    pub(crate) fn new(origin: impl Into<String>, token: &str) -> Self {
        Self { origin: origin.into(), token: token.to_owned(), namespace: String::new() }
    }

    /// The server that most tests share.
    pub(crate) fn shared() -> Self {
        SHARED.api()
    }

    /// The same in a new namespace below this one.
    pub(crate) fn in_namespace(self, name: &str) -> Self {
        self.post(&format!("sys/namespaces/{name}"), &json!({}));
        Self { namespace: format!("{}{name}/", self.namespace), ..self }
    }

    /// Sends a request and expects success. Returns null if the response has no JSON.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.post_text(path, &body.to_string())
    }

    /// The same with the text of a body, whose numbers and order of keys are kept.
    #[track_caller]
    pub(crate) fn post_text(&self, path: &str, body: &str) -> Value {
        self.expect("POST", path, body, &[])
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect("GET", path, "", &[])
    }

    /// A wrapping token for the response.
    #[track_caller]
    pub(crate) fn wrapped(&self, path: &str, body: &Value) -> String {
        let response = self.expect("POST", path, &body.to_string(), &[("X-Vault-Wrap-TTL", "60")]);
        text(&response["wrap_info"]["token"])
    }

    /// The status of a GET, if there is a response.
    pub(crate) fn status(&self, path: &str) -> Option<u16> {
        self.try_get(path).map(|(status, _)| status)
    }

    /// Status and body of a GET, if there is a response.
    pub(crate) fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        self.send("GET", path, "", &[]).ok().map(parsed)
    }

    /// The same for a PUT.
    pub(crate) fn try_put(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        self.send("PUT", path, &body.to_string(), &[]).ok().map(parsed)
    }

    /// Writes a secret into the KV version 2 engine at `secret/` of a new server, once the engine is ready.
    #[track_caller]
    pub(crate) fn write_secret(&self, name: &str, keys: &Value) {
        let (path, body) = (format!("secret/data/{name}"), json!({ "data": keys }).to_string());
        wait_until("the KV engine", || self.send("POST", &path, &body, &[]).is_ok_and(|(status, _)| status == 200));
    }

    fn accessors(&self) -> Vec<Value> {
        // 404 if there are none.
        let response = self.try_get("auth/token/accessors?list=true").map(|(_, body)| body).unwrap_or_default();
        response["data"]["keys"].as_array().cloned().unwrap_or_default()
    }

    /// The number of tokens of this namespace.
    pub(crate) fn token_count(&self) -> usize {
        self.accessors().len()
    }

    /// The number of tokens with this policy.
    pub(crate) fn tokens_with_policy(&self, policy: &str) -> usize {
        let has_policy = |accessor: &Value| {
            let body = json!({ "accessor": accessor }).to_string();
            let response = self.send("POST", "auth/token/lookup-accessor", &body, &[]).map(parsed);
            // Other tests revoke their tokens meanwhile.
            let token = response.map(|(_, body)| body).unwrap_or_default();
            token["data"]["policies"].as_array().is_some_and(|policies| policies.iter().any(|name| *name == policy))
        };
        self.accessors().iter().filter(|accessor| has_policy(accessor)).count()
    }

    /// Whether a token is valid.
    pub(crate) fn knows(&self, token: &str) -> bool {
        let response = self.send("GET", "auth/token/lookup-self", "", &[("X-Vault-Token", token)]);
        response.is_ok_and(|(status, _)| status == 200)
    }

    #[track_caller]
    fn expect(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Value {
        match self.send(method, path, body, headers) {
            Ok((200..300, text)) => serde_json::from_str(&text).unwrap_or_default(),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    fn send(&self, method: &str, path: &str, body: &str, more: &[(&str, &str)]) -> Result<(u16, String), String> {
        let mut headers = vec![("X-Vault-Token", self.token.as_str()), ("X-Vault-Namespace", &self.namespace)];
        headers.retain(|(name, value)| !value.is_empty() && !more.iter().any(|(other, _)| other == name));
        headers.extend(more);
        http::send(&format!("{}/v1/{path}", self.origin), method, headers, body)
    }
}

fn parsed((status, text): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A field that must be a string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// The policy that allows a token to read this path.
pub(crate) fn policy(path: &str) -> Value {
    json!({"policy": format!(r#"path "{path}" {{ capabilities = ["read"] }}"#)})
}
