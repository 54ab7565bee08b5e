//! `[net]` Limits the bytes read per response, including headers, chunk framing and 1xx responses: an endless one would
//! otherwise keep the process too busy to notice the deadline.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The largest body; Vault's own limit for a request is 32 MiB, for a KV secret 1 MiB.
pub(crate) const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// The largest response, with room for its headers and chunk sizes.
const MAX_WIRE_BYTES: usize = MAX_RESPONSE_BYTES + 1024 * 1024;

/// How many bytes may still be read of the current response.
#[derive(Clone)]
pub(super) struct ByteBudget(Arc<AtomicUsize>);

impl ByteBudget {
    /// [`MAX_WIRE_BYTES`].
    pub(super) fn new() -> Self {
        Self(Arc::new(MAX_WIRE_BYTES.into()))
    }

    /// Sets it to [`MAX_WIRE_BYTES`] again, for the next response.
    pub(super) fn reset(&self) {
        self.0.store(MAX_WIRE_BYTES, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }
}

/// A stream whose reads fail with [`io::ErrorKind::FileTooLarge`] once the budget is spent.
pub(super) struct LimitedStream<S> {
    stream: S,
    budget: ByteBudget,
}

impl<S> LimitedStream<S> {
    pub(super) const fn new(stream: S, budget: ByteBudget) -> Self {
        Self { stream, budget }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.budget.spend(buffer.filled().len() - before))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
