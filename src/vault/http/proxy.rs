//! `[net]` What a proxy has to be told: where to connect to, and the user's name and password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::upgrade::Upgraded;
use url::Url;

use crate::config::Proxy;
use crate::vault::error::{Result, TransportError};
use crate::vault::http::HttpRequest;

/// Has the proxy connect to the server, with `CONNECT`.
pub(super) async fn tunnel(mut sender: SendRequest<Full<Bytes>>, proxy: &Proxy, url: &Url) -> Result<Upgraded> {
    let port = url.port_or_known_default().unwrap_or_default();
    let authority = format!("{}:{port}", url.host_str().unwrap_or_default());
    let mut request = HttpRequest::default();
    request.headers_mut().insert(HOST, HeaderValue::from_str(&authority)?);
    *request.uri_mut() = authority.try_into().map_err(|_| TransportError::InvalidRequest)?;
    *request.method_mut() = Method::CONNECT;
    set_proxy_auth(&mut request, proxy)?;
    let response = sender.send_request(request).await?;
    match response.status() {
        status if status.is_success() => Ok(hyper::upgrade::on(response).await?),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(TransportError::ProxyAuth(proxy.source.clone())),
        status => Err(TransportError::ProxyRefused(status, proxy.source.clone())),
    }
}

/// Adds the user name and password of the proxy's address, if it has them.
pub(super) fn set_proxy_auth(request: &mut HttpRequest, proxy: &Proxy) -> Result<()> {
    let Some(pair) = proxy.credential() else { return Ok(()) };
    let header = Bytes::from(format!("Basic {}", STANDARD.encode(pair.expose())));
    let mut credential = HeaderValue::from_maybe_shared(header)?;
    credential.set_sensitive(true);
    request.headers_mut().insert(PROXY_AUTHORIZATION, credential);
    Ok(())
}
