//! A proxy in front of a server that records requests and responses.

use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use serde_json::Value;

use super::fake_server::{FakeServer, Reply};
use super::http::{self, Request};

/// A request and the body of its response.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    response: String,
}

impl Exchange {
    /// The body of the response, null if it is not JSON.
    pub(crate) fn response(&self) -> Value {
        serde_json::from_str(&self.response).unwrap_or_default()
    }
}

/// Answers a request in the place of the server, with status and body.
pub(crate) trait Intercept: Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static {}

impl<F: Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static> Intercept for F {}

pub(crate) struct RecordingProxy {
    server: FakeServer,
    recorded: Arc<Mutex<Vec<Exchange>>>,
}

impl RecordingProxy {
    /// In front of the server at `upstream` (scheme, host and port).
    pub(crate) fn start(upstream: String, tls: Option<ServerConfig>, intercept: impl Intercept) -> Self {
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&recorded);
        let server = FakeServer::handling(tls, move |request| {
            let response = intercept(request).map_or_else(|| forward(&upstream, request), Ok);
            let Ok((status, body)) = response else { return Reply::closed() };
            sink.lock().unwrap().push(Exchange { request: request.clone(), response: body.clone() });
            Reply::answer(status, body)
        });
        Self { server, recorded }
    }

    /// Scheme, host and port.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.recorded.lock().unwrap().clone()
    }
}

fn forward(upstream: &str, request: &Request) -> Result<(u16, String), String> {
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = headers.filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-vault-"));
    http::send(&format!("{upstream}{}", request.target()), request.method(), headers, &request.body)
}

/// Every credential in the exchanges, with the name of its header or field.
pub(crate) fn credentials(exchanges: &[Exchange]) -> Vec<(&'static str, String)> {
    const NAMES: [&str; 6] = ["secret_id", "jwt", "password", "token", "client_token", "value"];
    fn collect(value: &Value, found: &mut Vec<(&'static str, String)>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match (NAMES.into_iter().find(|known| known == name), field) {
                        (Some(name), Value::String(text)) if !text.is_empty() => found.push((name, text.clone())),
                        (_, other) => collect(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for Exchange { request, response } in exchanges {
        let bearer = |value: &str| value.trim_start_matches("Bearer ").to_owned();
        found.extend(request.header("X-Vault-Token").map(|token| ("X-Vault-Token", token.to_owned())));
        found.extend(request.header("Authorization").map(|value| ("Authorization", bearer(value))));
        for body in [&request.body, response] {
            collect(&serde_json::from_str(body).unwrap_or_default(), &mut found);
        }
    }
    found
}
