//! The log of a container, with the credential of the one who asks, for as long as that one may read it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use pilothouse_cluster::{Access, LogOptions, LogStream};
use pilothouse_model::Completeness;
use pilothouse_model::unseen::misleads;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::act::{Target, refused};
use crate::ask::{Ask, Source};
use crate::audit::Deed;
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};
use crate::object::ObjectView;

/// How often it is asked whether the reader still may.
const CHECK: Duration = Duration::from_secs(30);

/// The bytes of a log as they come; an error ends it. Nothing is gathered for a slow reader: the server waits.
pub struct Log(BoxStream<'static, Result<Bytes, AppError>>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log(..)")
    }
}

impl Stream for Log {
    type Item = Result<Bytes, AppError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl ObjectView {
    /// The pods that stand below it, by name.
    pub fn pods(&self) -> impl Iterator<Item = &str> {
        let below = self.dependents.iter().map(|dependent| &dependent.relative.reference);
        below.filter(|one| one.api_version == "v1" && one.kind == "Pod").map(|one| one.name.as_str())
    }
}

impl Cluster {
    /// Why not all pods of a namespace are known; `None` when they are.
    pub async fn why_pods_are_unknown(&self, namespace: &str, patience: Duration) -> Result<Option<String>, AppError> {
        let catalog = self.wait_catalog(patience).await?;
        let pods = Source::Resource(catalog.resource("core", "v1", "pods")?);
        let ask = Ask { namespaces: vec![namespace.to_owned()], confined: true, limit: Some(0), ..Ask::default() };
        Ok(match self.list_settled(&pods, &ask, patience).await?.completeness {
            Completeness::Complete | Completeness::Absent => None,
            Completeness::Loading => Some("pods are still being read".to_owned()),
            Completeness::Stale(why) | Completeness::Broken(why) | Completeness::Forbidden(why) => Some(why),
        })
    }

    /// The log of a pod's container. It ends within half a minute after the reader may not read it any more.
    pub async fn logs(&self, namespace: &str, pod: &str, options: &LogOptions) -> Result<Log, AppError> {
        self.logs_checked(namespace, pod, options, CHECK).await
    }

    /// The same; the cluster is asked every so often whether the reader still may.
    pub async fn logs_checked(
        &self,
        namespace: &str,
        pod: &str,
        options: &LogOptions,
        every: Duration,
    ) -> Result<Log, AppError> {
        let connection = self.own_connection()?;
        let target = Target::pod(namespace, pod);
        let record = self.inner.audit.record(Deed {
            subresource: "log",
            summary: json!({"container": options.container, "follow": options.follow, "previous": options.previous}),
            ..self.deed("get", &target)
        })?;
        let stream = match connection.logs(namespace, pod, options).await {
            Ok(stream) => {
                record.done(None);
                stream
            }
            Err(error) => {
                record.failed(&error);
                return Err(refused(error));
            }
        };
        Ok(Log(guarded(self.clone(), target.access("get", "log"), stream, every)))
    }
}

/// What comes of `stream` for as long as the cluster lets the reader have it.
fn guarded(
    cluster: Cluster,
    access: Access,
    stream: LogStream,
    every: Duration,
) -> BoxStream<'static, Result<Bytes, AppError>> {
    let mut checks = interval_at(Instant::now() + every, every);
    // A reader who was slow for long is asked about once, not for every time that was missed.
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(Some((cluster, access, stream, checks)), |state| async move {
        let (cluster, access, mut stream, mut checks) = state?;
        loop {
            tokio::select! {
                biased;
                () = cluster.closed() => return None,
                _ = checks.tick() => {
                    if let Err(error) = still_allowed(&cluster, &access).await {
                        return Some((Err(error), None));
                    }
                }
                piece = stream.next() => {
                    return match piece? {
                        Ok(bytes) => Some((Ok(bytes), Some((cluster, access, stream, checks)))),
                        Err(error) => Some((Err(AppError::from(error)), None)),
                    };
                }
            }
        }
    })
    .boxed()
}

/// An API server that does not answer just now takes nothing away; one that refuses does.
async fn still_allowed(cluster: &Cluster, access: &Access) -> Result<(), AppError> {
    match cluster.own_connection()?.review_access(access).await.map_err(AppError::from) {
        Ok(true) => Ok(()),
        Ok(false) => Err(AppError::new(ErrorKind::Forbidden, "you may not read this log any more")),
        Err(error) if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Forbidden) => Err(error),
        Err(_) => Ok(()),
    }
}

/// A log cut into lines of harmless text: what a terminal would obey is taken out, and no line is longer than a screen can
/// bear.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

/// The longest line; what is longer is shown as several.
const LONGEST: usize = 16 * 1024;

impl Lines {
    /// The lines that are complete with this piece.
    pub fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if self.rest.ends_with(b"\n") {
                self.rest.pop();
                lines.push(self.take());
            }
            while self.rest.len() > LONGEST {
                let rest = self.rest.split_off(LONGEST);
                lines.push(self.take());
                self.rest = rest;
            }
        }
        lines
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = harmless(&String::from_utf8_lossy(&self.rest));
        self.rest.clear();
        line
    }
}

/// The text without the sequences that colour a terminal, and without what else one obeys.
fn harmless(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // CSI: parameters, then one final character.
                Some('[') => {
                    let _end = characters.by_ref().find(|c| matches!(c, '\u{40}'..='\u{7e}'));
                }
                // OSC and its like: up to a bell or an escape with a backslash.
                Some(']' | 'P' | '^' | '_') => {
                    while let Some(c) = characters.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\t' => text.push('\t'),
            '\r' => text.push(' '),
            c if c.is_control() || misleads(c) => text.push(char::REPLACEMENT_CHARACTER),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        let text = "one\ntwo \u{e9}\n\nthree";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut all: Vec<String> = text.as_bytes().chunks(size).flat_map(|piece| lines.push(piece)).collect();
            all.extend(lines.finish());
            assert_eq!(all, ["one", "two \u{e9}", "", "three"], "{size}");
        }
    }

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let mut lines = Lines::default();
        let cut: Vec<_> = (0..100).flat_map(|_| lines.push(&[b'x'; 4096])).collect();
        assert!(cut.iter().all(|line| line.len() <= LONGEST) && cut.len() >= 24, "{}", cut.len());
        assert!(lines.rest.len() <= LONGEST);
    }

    #[test]
    fn what_a_terminal_obeys_is_taken_out() {
        for (raw, shown) in [
            ("\u{1b}[31mred\u{1b}[0m and \u{1b}[1;32mgreen\u{1b}[m", "red and green"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("50%\r100%\r", "50% 100%"),
            ("a\tb\u{0}c\u{9b}", "a\tb\u{fffd}c\u{fffd}"),
            ("\u{202e}txt\u{200b}", "\u{fffd}txt\u{fffd}"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("\u{1b}", ""),
            ("<b>&", "<b>&"),
        ] {
            assert_eq!(harmless(raw), shown, "{raw:?}");
        }
    }
}
