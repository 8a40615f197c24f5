//! Logs of containers, as they come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use pilothouse_model::Resource;
use tokio::time::timeout;

use crate::connection::{Call, Connection};
use crate::error::ClusterError;
use crate::path;
use crate::reason;

/// How long a log that is not followed may pause.
const PAUSE: Duration = Duration::from_secs(30);
/// A day: how long a followed log may be silent. It may be quiet for as long as its container has nothing to say.
const QUIET: Duration = Duration::from_secs(24 * 60 * 60);

/// Which part of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Which container; may be left out where a pod has only one.
    pub container: Option<String>,
    /// Whether what comes later is waited for.
    pub follow: bool,
    /// The log of the container's run before this one.
    pub previous: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<u64>,
    /// Only what is this young.
    pub since_seconds: Option<u64>,
    /// Only what came after this; takes the place of `since_seconds`.
    pub since_time: Option<Timestamp>,
    /// Whether each line begins with its time.
    pub timestamps: bool,
    /// No more than about this much.
    pub limit_bytes: Option<u64>,
}

impl LogOptions {
    fn query(&self) -> String {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        // The server refuses both at once.
        let seconds = if self.since_time.is_some() { None } else { self.since_seconds };
        let parameters = [
            ("container", self.container.clone()),
            ("follow", flag(self.follow)),
            ("previous", flag(self.previous)),
            ("tailLines", number(self.tail_lines)),
            ("sinceSeconds", number(seconds)),
            ("sinceTime", self.since_time.map(|time| time.to_string())),
            ("timestamps", flag(self.timestamps)),
            ("limitBytes", number(self.limit_bytes)),
        ];
        let given = parameters.iter().filter_map(|(key, value)| value.as_ref().map(|value| (key, value)));
        given.map(|(key, value)| format!("{key}={}", path::escape(value))).collect::<Vec<_>>().join("&")
    }
}

/// The bytes of a log, in pieces of any size. An error ends it. Dropping it ends the request.
pub struct LogStream(BoxStream<'static, Result<Bytes, ClusterError>>);

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogStream(..)")
    }
}

impl Stream for LogStream {
    type Item = Result<Bytes, ClusterError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl Connection {
    /// The log of a pod's container. Nothing is gathered here: what the reader does not take, the server keeps.
    pub async fn logs(&self, namespace: &str, pod: &str, options: &LogOptions) -> Result<LogStream, ClusterError> {
        let pods = Resource::new("", "v1", "pods", "Pod");
        let path = path::subresource(&pods, Some(namespace), (pod, "log"))?;
        let path = format!("{path}?{}", options.query());
        let mut call = Call::get(&path);
        call.headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        // Compressed, a line could wait in the server for the ones after it.
        call.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let body = self.send(&call).await?.into_body();
        let patience = if options.follow { QUIET } else { PAUSE };
        let connection = self.clone();
        let pieces = stream::unfold(Some(body), move |body| {
            let connection = connection.clone();
            async move {
                let mut body = body?;
                loop {
                    let frame = match timeout(patience, body.frame()).await {
                        Ok(frame) => frame?,
                        Err(_) => return Some((Err(connection.silent(patience)), None)),
                    };
                    match frame.map(|frame| frame.into_data()) {
                        Ok(Ok(data)) if !data.is_empty() => return Some((Ok(data), Some(body))),
                        Ok(_) => {}
                        Err(error) => return Some((Err(reason::from_kube(connection.server(), &error)), None)),
                    }
                }
            }
        });
        Ok(LogStream(pieces.boxed()))
    }
}
