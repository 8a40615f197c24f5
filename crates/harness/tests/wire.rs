//! What travels between a browser and the console: streams in gzip, each change at once, the whole page after a reconnect.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails loudly when a server is not as it should be"
)]

use std::io::Write;
use std::time::Duration;

use flate2::write::GzDecoder;
use pilothouse_harness::{Console, Embedded};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// A list's stream as a browser reads it.
struct Stream {
    response: Response,
    gzip: GzDecoder<Vec<u8>>,
    /// Bytes on the wire, and of text.
    wire: usize,
    text: usize,
}

impl Stream {
    async fn open(base: &str, secret: &str) -> Self {
        let clusters = Client::new().get(format!("{base}/api/v1/clusters")).bearer_auth(secret).send().await.unwrap();
        let clusters: Value = clusters.json().await.unwrap();
        let cluster = clusters["clusters"][0]["name"].as_str().unwrap();
        let page = format!("{base}/c/{cluster}/r/core/v1/configmaps");
        let page = Client::new().get(page).bearer_auth(secret).send().await.unwrap().text().await.unwrap();
        let watch = page.split("data-watch=\"r/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let watch = format!("r/{}", watch.replace("&amp;", "&"));
        let live = format!("{base}/c/{cluster}/live");
        let live = reqwest::Url::parse_with_params(&live, [("watch", watch)]).unwrap();
        let asked = Client::new().get(live);
        let browser = [("accept", "text/event-stream"), ("accept-encoding", "gzip, deflate, br, zstd")];
        let asked = browser.iter().fold(asked.bearer_auth(secret), |asked, (name, value)| asked.header(*name, *value));
        let response = asked.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        Self { response, gzip: GzDecoder::new(Vec::new()), wire: 0, text: 0 }
    }

    /// The messages until one fits.
    async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let reading = async {
            loop {
                let text = String::from_utf8_lossy(self.gzip.get_ref()).into_owned();
                if let Some((event, rest)) = text.split_once("\n\n") {
                    *self.gzip.get_mut() = rest.as_bytes().to_vec();
                    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or("null");
                    let message: Value = serde_json::from_str(data).unwrap();
                    if fits(&message) {
                        return message;
                    }
                    continue;
                }
                let piece = self.response.chunk().await.unwrap().expect("the stream goes on");
                let before = self.gzip.get_ref().len();
                self.gzip.write_all(&piece).unwrap();
                self.gzip.flush().unwrap();
                self.wire += piece.len();
                self.text += self.gzip.get_ref().len() - before;
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("it comes")
    }
}

/// Whether a row whose HTML has this text is in this part of a message.
fn shows(message: &Value, part: &str, text: &str) -> bool {
    let rows = message["rows"][part].as_array().into_iter().flatten();
    rows.filter_map(|row| row["html"].as_str()).any(|html| html.contains(text))
}

async fn put(embedded: &Embedded, name: &str, values: usize) {
    let data: serde_json::Map<String, Value> = (0..values).map(|value| (format!("k{value}"), json!("v"))).collect();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    let (method, path) =
        if values == 1 { (Method::POST, MAPS.to_owned()) } else { (Method::PUT, format!("{MAPS}/{name}")) };
    let answer = embedded.admin().send(method, &path, Some(("application/json", &map))).await;
    assert!(answer.status < 300, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_arrives_at_once_and_a_reconnect_brings_the_whole_page() {
    let embedded = Embedded::start().await;
    for number in 0..60 {
        put(&embedded, &format!("map-{number}"), 1).await;
    }
    let console = Console::serve(&embedded.kubeconfig("admin"));
    let (base, secret) = (console.origin(), console.secret());
    let mut stream = Stream::open(base, secret).await;
    let whole = |message: &Value| message["rows"]["whole"] == true && shows(message, "put", "map-59");
    stream.until(whole).await;
    assert!(stream.wire * 8 < stream.text, "{} bytes of {}", stream.wire, stream.text);
    // Nothing follows these changes that could push them out.
    for values in 2..6 {
        put(&embedded, "map-7", values).await;
        stream.until(|message| shows(message, "changed", &format!(">{values}<"))).await;
    }
    drop(stream);
    put(&embedded, "map-7", 9).await;
    let mut again = Stream::open(base, secret).await;
    let first = again.until(|message| !message["rows"].is_null()).await;
    let shown = |message: &Value| shows(message, "put", ">9<") || shows(message, "changed", ">9<");
    assert!(whole(&first), "{first}");
    if !shown(&first) {
        again.until(shown).await;
    }
}
