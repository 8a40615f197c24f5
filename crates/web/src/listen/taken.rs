//! A connection whose other side must take what it is sent: one that stopped reading would keep its place for ever.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails when nothing of what is to be written is taken for a while. Whatever is taken begins a new while.
#[derive(Debug)]
pub(super) struct Taken<S> {
    stream: S,
    patience: Duration,
    late: Pin<Box<Sleep>>,
    waits: bool,
}

impl<S: Unpin> Taken<S> {
    pub(super) fn within(patience: Duration, stream: S) -> Self {
        Self { stream, patience, late: Box::pin(sleep(patience)), waits: false }
    }

    /// What comes of an attempt to write.
    fn took<T>(&mut self, attempt: Poll<Result<T>>, context: &mut Context<'_>) -> Poll<Result<T>> {
        if attempt.is_ready() {
            self.waits = false;
            return attempt;
        }
        if !self.waits {
            self.waits = true;
            self.late.as_mut().reset(Instant::now() + self.patience);
        }
        ready!(self.late.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the other side does not take what it asked for")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.took(attempt, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.took(attempt, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(context);
        self.took(attempt, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_shutdown(context);
        self.took(attempt, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_stops_reading_is_left_and_who_reads_slowly_is_not() {
        let patience = Duration::from_millis(50);
        let (ours, mut theirs) = tokio::io::duplex(1_000);
        let mut taken = Taken::within(patience, ours);
        let error = taken.write_all(&[7; 5_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        // What was sent until then is there, and no more.
        let mut buffer = [0; 2_000];
        assert_eq!(theirs.read(&mut buffer).await.unwrap(), 1_000);

        let (ours, mut theirs) = tokio::io::duplex(10);
        let mut taken = Taken::within(Duration::from_secs(60), ours);
        let reader = tokio::spawn(async move {
            let mut whole = Vec::new();
            theirs.read_to_end(&mut whole).await.unwrap();
            whole.len()
        });
        taken.write_all(&[7; 500]).await.unwrap();
        taken.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap(), 500);
    }
}
