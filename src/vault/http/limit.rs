//! `[net]` A wire that lets no more through than an answer may have, whatever it is made of: headers, chunks of nothing, or
//! interim answers without end, which would keep us busier than the deadline can see.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::vault::http::exchange::LARGEST;

/// Besides the body there are a head, and the sizes of chunks.
const MOST: usize = LARGEST + 1024 * 1024;

/// How many bytes the answer may still have.
#[derive(Clone)]
pub(in crate::vault) struct ByteBudget(Arc<AtomicUsize>);

impl ByteBudget {
    /// For the first answer.
    pub(in crate::vault) fn new() -> Self {
        Self(Arc::new(MOST.into()))
    }

    /// For the next answer.
    pub(in crate::vault) fn renew(&self) {
        self.0.store(MOST, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }
}

/// The wire, and what may still come over it.
pub(in crate::vault) struct LimitedStream<W> {
    wire: W,
    allowance: ByteBudget,
}

impl<W> LimitedStream<W> {
    pub(in crate::vault) const fn new(wire: W, allowance: ByteBudget) -> Self {
        Self { wire, allowance }
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for LimitedStream<W> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.wire).poll_read(cx, buffer))?;
        Poll::Ready(self.allowance.spend(buffer.filled().len() - before))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for LimitedStream<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
