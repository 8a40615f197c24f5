//! As much of HTTP/1.1 as a proxy for tests needs.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest head or body of a request that is read.
const LONGEST: usize = 64 << 20;

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn is_watch(&self) -> bool {
        self.path.split(['?', '&']).skip(1).any(|part| matches!(part, "watch=true" | "watch=1"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` when the client has hung up or speaks something else.
pub(super) async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > LONGEST || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let header = |line: &str| line.split_once(':').map(|(key, value)| (key.to_owned(), value.trim().to_owned()));
    let headers = lines.filter_map(header).collect();
    let mut request = Request { method, path, headers, body: bytes.split_off(end + 4) };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
    while request.body.len() < length {
        if length > LONGEST || stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// Writes the head of a chunked answer.
pub(super) async fn head(stream: &mut TcpStream, code: u16, headers: &[(String, String)]) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {code} Answer\r\nTransfer-Encoding: chunked\r\n");
    for (key, value) in headers {
        text.push_str(&format!("{key}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await
}

/// Writes a chunk of body; an empty one ends it.
pub(super) async fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    stream.write_all(&framed).await
}
