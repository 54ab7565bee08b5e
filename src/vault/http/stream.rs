//! `[net]` Byte streams: TCP to one of several addresses, and HTTP/1.1 over any stream.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::vault::error::TransportError;

/// The limit for a connection, with its handshakes.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before also trying the next address, see RFC 8305.
const HAPPY_EYEBALLS_DELAY: Duration = Duration::from_millis(300);

/// TCP, a Unix socket, TLS or a tunnel.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) type BoxedStream = Box<dyn Stream>;

/// Connects to the first address that accepts. An address that refuses is followed by the next at once.
pub(super) async fn connect_tcp(addresses: Vec<SocketAddr>) -> Result<BoxedStream, TransportError> {
    let mut addresses = addresses.into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    loop {
        attempts.extend(addresses.next().map(TcpStream::connect));
        let wait = if addresses.peek().is_some() { HAPPY_EYEBALLS_DELAY } else { CONNECT_TIMEOUT };
        match timeout(wait, attempts.next()).await {
            Ok(Some(Ok(stream))) => {
                stream.set_nodelay(true)?;
                return Ok(Box::new(stream));
            }
            Ok(Some(Err(error))) if attempts.is_empty() && addresses.peek().is_none() => return Err(error.into()),
            Ok(None) => return Err(TransportError::Timeout),
            _ => {}
        }
    }
}

/// Starts HTTP on a connection, which ends when the result is dropped.
pub(super) async fn http_handshake(stream: impl Stream + 'static) -> Result<SendRequest<Full<Bytes>>, TransportError> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors reach the request that waits for a response.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}
