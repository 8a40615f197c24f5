//! One connection: its requests, one after the other, and what the weather does to them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::wire::{self, Request};
use super::{Cut, Shared, Weather, status};

/// The body of an answer as it comes in; the far side may fail, too.
type Body = BoxStream<'static, Option<Vec<u8>>>;

/// An answer on its way to the client.
struct Answer {
    code: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Answer {
    fn whole(code: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { code, headers, body: stream::iter([Some(body)]).boxed() }
    }
}

/// Serves a connection until either side hangs up or the weather ends it.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let mut weather = shared.weather.subscribe();
    let mut down = pin!(async move { weather.wait_for(|weather| weather.down).await.map(drop) });
    tokio::select! {
        ended = &mut down => drop(ended),
        ended = requests(&shared, stream) => drop(ended),
    }
}

async fn requests(shared: &Arc<Shared>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut weather = shared.weather.subscribe();
    while let Some(request) = wire::read(&mut stream).await {
        out_of_the_black_hole(&mut weather).await;
        let now = weather.borrow().clone();
        sleep(now.delay).await;
        let Some(answer) = answer(shared, &now, &request).await else { return Ok(()) };
        out_of_the_black_hole(&mut weather).await;
        wire::head(&mut stream, answer.code, &answer.headers).await?;
        if !body(shared, &mut stream, &mut weather, answer.body, request.is_watch()).await? {
            return Ok(());
        }
    }
    Ok(())
}

async fn out_of_the_black_hole(weather: &mut watch::Receiver<Weather>) {
    // When nobody makes weather any more, the connection ends by itself.
    drop(weather.wait_for(|weather| !weather.black_hole).await.map(drop));
}

/// What to answer; `None` when the server does not.
async fn answer(shared: &Arc<Shared>, weather: &Weather, request: &Request) -> Option<Answer> {
    let json = ("Content-Type", "application/json");
    if let Some(refusal) = weather.refuse.as_ref().filter(|refusal| !refusal.only_watches || request.is_watch()) {
        shared.note(request, true);
        let retry_after = refusal.retry_after.map(|seconds| seconds.to_string());
        let headers: Vec<_> = std::iter::once(json).chain(retry_after.as_deref().map(|s| ("Retry-After", s))).collect();
        let body = status(refusal.code, refusal.retry_after).to_string().into_bytes();
        return Some(Answer::whole(refusal.code, &headers, body));
    }
    shared.note(request, false);
    if let Some(garbage) = &weather.garbage {
        return Some(Answer::whole(200, &[json], garbage.clone()));
    }
    let rewrite = weather.rewrite.as_ref().filter(|_| request.method == "GET" && !request.is_watch());
    if let Some(body) = rewrite.and_then(|rewrite| rewrite(&request.path, None)) {
        return Some(Answer::whole(200, &[json], body));
    }
    let answer = ask(shared, request).await?;
    let Some(rewrite) = rewrite else { return Some(answer) };
    let mut whole = Vec::new();
    let Answer { code, headers, mut body } = answer;
    while let Some(piece) = body.next().await {
        whole.extend(piece?);
    }
    let whole = rewrite(&request.path, Some(&whole)).unwrap_or(whole);
    Some(Answer { code, headers, body: stream::iter([Some(whole)]).boxed() })
}

/// Asks the server.
async fn ask(shared: &Arc<Shared>, request: &Request) -> Option<Answer> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).ok()?;
    let mut asked = shared.client.request(method, format!("{}{}", shared.server, request.path));
    for (key, value) in &request.headers {
        if !["host", "connection", "content-length", "transfer-encoding"].contains(&key.to_lowercase().as_str()) {
            asked = asked.header(key, value);
        }
    }
    let response = asked.body(request.body.clone()).send().await.ok()?;
    let code = response.status().as_u16();
    let kept = ["content-type", "content-encoding", "retry-after"];
    let headers = kept.iter().filter_map(|key| {
        let value = response.headers().get(*key)?.to_str().ok()?;
        Some(((*key).to_owned(), value.to_owned()))
    });
    let headers = headers.collect();
    let body = stream::unfold(Some(response), |response| async move {
        let mut response = response?;
        match response.chunk().await {
            Ok(Some(bytes)) => Some((Some(bytes.to_vec()), Some(response))),
            Ok(None) => None,
            Err(_) => Some((None, None)),
        }
    });
    Some(Answer { code, headers, body: body.boxed() })
}

/// Passes a body on; tells whether it came to a proper end.
async fn body(
    shared: &Arc<Shared>,
    stream: &mut TcpStream,
    weather: &mut watch::Receiver<Weather>,
    mut body: Body,
    is_watch: bool,
) -> std::io::Result<bool> {
    let begun = tokio::time::Instant::now();
    let mut sent = 0_usize;
    loop {
        let now = weather.borrow_and_update().clone();
        if now.black_hole {
            out_of_the_black_hole(weather).await;
            continue;
        }
        // A proper end: what the client has seen so far was all.
        let closing = async {
            match now.close_watches.filter(|_| is_watch) {
                Some(after) => tokio::time::sleep_until(begun + after).await,
                None => std::future::pending().await,
            }
        };
        let piece = tokio::select! {
            biased;
            () = closing => {
                wire::chunk(stream, b"").await?;
                return Ok(true);
            }
            changed = weather.changed() => {
                if changed.is_err() { return Ok(false) }
                continue;
            }
            piece = body.next() => piece,
        };
        let Some(piece) = piece else {
            wire::chunk(stream, b"").await?;
            return Ok(true);
        };
        let Some(piece) = piece else { return Ok(false) };
        if let Some(end) = pass(shared, stream, &now, (&piece, &mut sent)).await? {
            return Ok(end);
        }
    }
}

/// Passes a piece of a body on; tells whether that was its proper end, or its cut.
async fn pass(
    shared: &Shared,
    stream: &mut TcpStream,
    weather: &Weather,
    (piece, sent): (&[u8], &mut usize),
) -> std::io::Result<Option<bool>> {
    let allowed = weather.cut.map_or(usize::MAX, |cut| cut.after.saturating_sub(*sent));
    let piece = &piece[..piece.len().min(allowed)];
    let step = weather.bandwidth.map_or(usize::MAX, |rate| (rate / 20).max(1));
    for part in piece.chunks(step) {
        wire::chunk(stream, part).await?;
        *sent += part.len();
        shared.sent.fetch_add(u64::try_from(part.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if let Some(rate) = weather.bandwidth {
            sleep(Duration::from_secs(1).mul_f64(part.len() as f64 / rate as f64)).await;
        }
    }
    match weather.cut {
        Some(Cut { after, clean }) if *sent >= after => {
            if clean {
                wire::chunk(stream, b"").await?;
            }
            Ok(Some(clean))
        }
        _ => Ok(None),
    }
}
