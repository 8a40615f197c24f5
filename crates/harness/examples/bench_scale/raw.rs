//! The same paged list as the console reads, read raw: the same client with the same settings, and nothing done with the bytes.

use std::path::Path;
use std::time::Instant;

use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::outcome::Outcome;

/// What reading a whole list took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) seconds: f64,
    pub(crate) bytes: usize,
    pub(crate) pages: usize,
}

/// A client as the console builds it for an API server on this machine.
pub(crate) async fn client(kubeconfig: &Path) -> Outcome<Client> {
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default()).await?;
    config.disable_compression = true;
    config.read_timeout = None;
    Ok(Client::try_from(config)?)
}

/// Reads a list page by page.
pub(crate) async fn read(client: &Client, collection: &str) -> Outcome<Read> {
    let started = Instant::now();
    let (mut bytes, mut pages, mut path) = (0, 0, format!("{collection}?limit=500"));
    loop {
        let request = Request::get(&path).header("accept", "application/json").body(Body::empty())?;
        let response = client.send(request).await?;
        if !response.status().is_success() {
            return Err(format!("{path}: {}", response.status()).into());
        }
        let page = response.into_body().collect().await?.to_bytes();
        (bytes, pages) = (bytes + page.len(), pages + 1);
        match following(&page) {
            Some(token) => path = format!("{collection}?limit=500&continue={token}"),
            None => return Ok(Read { seconds: started.elapsed().as_secs_f64(), bytes, pages }),
        }
    }
}

/// The token of the next page, without decoding the page: it stands near its beginning.
fn following(page: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"continue\":\"";
    let head = &page[..page.len().min(4096)];
    let start = head.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let end = head[start..].iter().position(|byte| *byte == b'"')? + start;
    let mut token = String::new();
    for byte in &head[start..end] {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => token.push(char::from(*byte)),
            other => token.push_str(&format!("%{other:02X}")),
        }
    }
    (!token.is_empty()).then_some(token)
}
