//! HTTP requests to the services.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Null if the text is not JSON.
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

pub(crate) fn get(url: &str, authorization: Option<&str>) -> Result<String, ureq::Error> {
    let mut request = ureq::get(url);
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    request.call()?.body_mut().read_to_string()
}

pub(crate) fn post(url: &str, authorization: Option<&str>, body: &Value) -> Result<Value, ureq::Error> {
    let mut request = ureq::post(url).content_type("application/json");
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    Ok(parse(&request.send(body.to_string())?.body_mut().read_to_string()?))
}

/// The status of a response. Panics if there is none.
#[track_caller]
pub(crate) fn status<T>(answer: Result<T, ureq::Error>) -> u16 {
    match answer {
        Err(ureq::Error::StatusCode(status)) => status,
        Err(error) => panic!("{error}"),
        Ok(_) => 200,
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Percent-encodes a part of a URL.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
