//! `[net]` HTTP/1.1 over connections of this module's own making: see [`exchange`].

mod connect;
mod dns;
pub(super) mod exchange;
pub(super) mod key_type;
pub(super) mod limit;
mod pem_index;
mod proxy;
mod tls;
mod verifier;

/// A request that can be sent again without copying its body.
pub(super) type HttpRequest = http::Request<http_body_util::Full<bytes::Bytes>>;

/// A whole response.
pub(super) type HttpResponse = http::Response<Vec<u8>>;
