//! Open windows: what each receives, and when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::console::{CONTEXT, Door, Stream};
use crate::outcome::Outcome;

/// Stamps are numbers of restarts that no pod has by itself.
pub(crate) const STAMPS: u64 = 1_000_000;

/// The lists that people have open: ten, each with another question.
pub(crate) fn pages() -> Vec<String> {
    let pods = format!("/c/{CONTEXT}/r/core/v1/pods");
    let asked = [
        "",
        "?sort=-age",
        "?ns=vision-0",
        "?ns=speech-1,search-2&sort=name",
        "?q=state%3Arunning&sort=-age",
        "?q=level%3Aerror&sort=-age",
        "?l=tier%3Dgpu&sort=label%3Arelease",
        "?q=llama+state%3Arunning",
        "?q=node%3Anode-00*&sort=node,-age",
    ];
    let mut pages: Vec<String> = asked.iter().map(|question| format!("{pods}{question}")).collect();
    pages.push(format!("/c/{CONTEXT}/workloads?sort=-age"));
    pages
}

/// What an open window saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
    /// When a stamp was first shown.
    pub(crate) stamps: HashMap<u64, Instant>,
    /// The rows that were shown, by their keys.
    pub(crate) rows: Vec<String>,
    pub(crate) reloads: u64,
    pub(crate) error: Option<String>,
}

/// An open window; closed when it is dropped.
pub(crate) struct Window {
    pub(crate) page: String,
    seen: Arc<Mutex<Seen>>,
    reader: JoinHandle<()>,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Window {
    pub(crate) async fn open(door: &Door, page: &str) -> Outcome<Self> {
        let stream = door.follow(page).await?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let reader = tokio::spawn(read(stream, Arc::clone(&seen)));
        Ok(Self { page: page.to_owned(), seen, reader })
    }

    /// What it saw since the last look.
    pub(crate) fn take(&self) -> Outcome<Seen> {
        Ok(std::mem::take(&mut *self.seen.lock().map_err(|_| "a reader failed")?))
    }
}

async fn read(mut stream: Stream, seen: Arc<Mutex<Seen>>) {
    let mut bytes = 0;
    loop {
        let message = stream.next().await;
        let now = Instant::now();
        let Ok(mut seen) = seen.lock() else { return };
        seen.bytes += stream.bytes - bytes;
        bytes = stream.bytes;
        match message {
            Ok(Some(message)) => note(&mut seen, &message, now),
            Ok(None) => return seen.error = Some("the stream ended".to_owned()),
            Err(error) => return seen.error = Some(error.to_string()),
        }
    }
}

fn note(seen: &mut Seen, message: &Value, now: Instant) {
    seen.messages += 1;
    seen.reloads += u64::from(message["reload"] == true);
    for part in ["put", "changed"] {
        for placed in message["rows"][part].as_array().into_iter().flatten() {
            if let Some(id) = placed["id"].as_str() {
                seen.rows.push(id.to_owned());
            }
            for stamp in placed["html"].as_str().into_iter().flat_map(stamps) {
                seen.stamps.entry(stamp).or_insert(now);
            }
        }
    }
}

/// The stamps in a row: cells that are large whole numbers, with or without separators.
fn stamps(html: &str) -> impl Iterator<Item = u64> {
    html.split('>').filter_map(|piece| {
        let text = piece.split('<').next()?.trim();
        let digits: String = text.chars().filter(|letter| *letter != ',').collect();
        digits.parse().ok().filter(|number| *number >= STAMPS)
    })
}
