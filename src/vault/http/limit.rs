//! `[net]` Limits the bytes read per response, including headers, chunk framing and 1xx responses, and lets the deadline be
//! noticed while they arrive. Also keeps what a server said before it closed the connection.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The largest body; Vault's own limit for a request is 32 MiB, for a KV secret 1 MiB.
pub(crate) const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// The largest response, with room for its headers and chunk sizes.
const MAX_WIRE_BYTES: usize = MAX_RESPONSE_BYTES + 1024 * 1024;

/// After this many bytes other tasks and the timers have a turn.
const MAX_BYTES_PER_TURN: usize = 64 * 1024;

/// How many bytes may still be read of the current response.
#[derive(Clone)]
pub(super) struct ByteBudget(Arc<Budget>);

struct Budget {
    left: AtomicUsize,
    /// Whether the response began with an alert or a handshake of TLS.
    is_tls: AtomicBool,
}

impl ByteBudget {
    /// [`MAX_WIRE_BYTES`].
    pub(super) fn new() -> Self {
        Self(Arc::new(Budget { left: MAX_WIRE_BYTES.into(), is_tls: false.into() }))
    }

    /// Sets it to [`MAX_WIRE_BYTES`] again, for the next response.
    pub(super) fn reset(&self) {
        self.0.left.store(MAX_WIRE_BYTES, Ordering::Relaxed);
    }

    /// Whether the bytes of the response below TLS, if there is any, began with an alert or a handshake.
    pub(super) fn is_tls(&self) -> bool {
        self.0.is_tls.load(Ordering::Relaxed)
    }

    fn spend(&self, bytes: &[u8]) -> io::Result<()> {
        let left = self.0.left.load(Ordering::Relaxed);
        if left == MAX_WIRE_BYTES {
            self.0.is_tls.store(matches!(bytes, [0x15 | 0x16, 3, ..]), Ordering::Relaxed);
        }
        let left = left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.0.left.store(left, Ordering::Relaxed);
        Ok(())
    }
}

/// A stream whose reads fail with [`io::ErrorKind::FileTooLarge`] once the budget is spent.
///
/// A write to a connection that the peer has closed succeeds, and its error is that of the read that finds the end: what the
/// peer sent before, such as a TLS alert, says why.
pub(super) struct LimitedStream<S> {
    stream: S,
    budget: ByteBudget,
    read_this_turn: usize,
    write_error: Option<io::Error>,
}

impl<S> LimitedStream<S> {
    pub(super) const fn new(stream: S, budget: ByteBudget) -> Self {
        Self { stream, budget, read_this_turn: 0, write_error: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        if self.read_this_turn >= MAX_BYTES_PER_TURN {
            self.read_this_turn = 0;
            // A wake-up alone would not have the runtime look at its timers.
            ready!(pin!(tokio::task::yield_now()).poll(cx));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[before..];
        self.read_this_turn += bytes.len();
        match self.write_error.take_if(|_| bytes.is_empty()) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(self.budget.spend(bytes)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stream).poll_write(cx, bytes)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                self.write_error = Some(error);
                Poll::Ready(Ok(bytes.len()))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
