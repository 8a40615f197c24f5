//! A stream that is read until it says something.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::PATIENCE;

pub(super) struct Stream {
    stream: TcpStream,
    text: Vec<u8>,
}

impl Stream {
    /// Follows a list as the API gives it to this token.
    pub(super) async fn open(at: SocketAddr, token: &str, path: &str) -> Self {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let request = format!(
            "GET /api/v1/clusters/prod{path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\n\
             Accept: text/event-stream\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, text: Vec::new() }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// Reads until this was said.
    pub(super) async fn until(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(wanted) {
            match timeout_at(deadline, self.stream.read_buf(&mut self.text)).await {
                Ok(Ok(1..)) => {}
                other => panic!("{wanted} was not said ({other:?}):\n{}", self.text()),
            }
        }
    }

    /// Reads until the stream is over.
    pub(super) async fn ended(mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout_at(deadline, self.stream.read_buf(&mut self.text)).await {
                Ok(Ok(1..)) => {}
                Ok(_) => return self.text(),
                Err(_) => panic!("it goes on:\n{}", self.text()),
            }
        }
    }
}
