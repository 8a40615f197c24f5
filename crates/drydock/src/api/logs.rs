//! The `log` subresource of pods.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pilothouse_model::{Object, time};

use super::{Api, Asked};
use crate::failure::Failure;
use crate::http::reply::{self, Body};
use crate::kubelet_logs::{self, Line, NoLog};

/// How often one who follows is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is asked of a log.
#[derive(Clone, Debug)]
struct Wanted {
    container: String,
    previous: bool,
    timestamps: bool,
    tail: Option<usize>,
    since: Option<Timestamp>,
    limit: Option<usize>,
}

/// `GET` of a log, to its end or on and on.
pub(super) async fn answer(api: &Arc<Api>, asked: Asked) -> Result<Response<Body>, Failure> {
    if asked.method != http::Method::GET {
        return Err(Failure::method_not_allowed());
    }
    let key = asked.key()?;
    let pod = find(api, &key)
        .ok_or_else(|| Failure::not_found(&asked.served, asked.target.name.as_deref().unwrap_or_default()))?;
    let refused = |why: NoLog| Failure::bad_request(why.to_string());
    let container = kubelet_logs::container(&pod, asked.query.get("container")).map_err(refused)?;
    let wanted = read(&asked, container)?;
    let run = kubelet_logs::run(&pod, &wanted.container, wanted.previous).map_err(refused)?;
    let mut lines = kubelet_logs::lines(&pod, &wanted.container, &run, 0, Timestamp::now());
    let seen = lines.len();
    if let Some(since) = wanted.since {
        lines.retain(|line| line.time >= since);
    }
    if let Some(tail) = wanted.tail {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut text = write(&lines, wanted.timestamps);
    if let Some(limit) = wanted.limit {
        text.truncate(limit);
    }
    if !asked.query.flag("follow") || run.ended.is_some() || wanted.limit.is_some() {
        return Ok(reply::whole(StatusCode::OK, "text/plain", text));
    }
    let follower = Follower {
        api: api.clone(),
        key,
        uid: pod.uid().to_owned(),
        wanted,
        seen,
        first: Some(text),
        restarts: run.restarts,
    };
    Ok(reply::stream("text/plain", follower.stream()))
}

fn find(api: &Api, key: &str) -> Option<Object> {
    let stored = api.storage.read().get("pods", key)?.clone();
    Object::new(stored.value.clone()).ok()
}

fn read(asked: &Asked, container: String) -> Result<Wanted, Failure> {
    let number = |name: &str| match asked.query.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<usize>().map(Some).map_err(|_| {
            Failure::bad_request(format!("{name}: Invalid value: \"{text}\": must be a whole number, not negative"))
        }),
    };
    let since = number("sinceSeconds")?.map(|seconds| ago(Timestamp::now(), seconds));
    Ok(Wanted {
        container,
        previous: asked.query.flag("previous"),
        timestamps: asked.query.flag("timestamps"),
        tail: number("tailLines")?,
        since: since.or_else(|| asked.query.get("sinceTime").and_then(time::parse)),
        limit: number("limitBytes")?,
    })
}

/// So many seconds before `now`; what lies before all time is the beginning of it.
fn ago(now: Timestamp, seconds: usize) -> Timestamp {
    let span = i64::try_from(seconds).map(SignedDuration::from_secs);
    span.ok().and_then(|span| now.checked_sub(span).ok()).unwrap_or(Timestamp::MIN)
}

fn write(lines: &[Line], timestamps: bool) -> Bytes {
    let mut text = String::new();
    for line in lines {
        if timestamps {
            text.push_str(&line.time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z ").to_string());
        }
        text.push_str(&line.text);
        text.push('\n');
    }
    text.into()
}

/// One who reads on until the container or the pod is gone.
struct Follower {
    api: Arc<Api>,
    key: String,
    uid: String,
    wanted: Wanted,
    seen: usize,
    first: Option<Bytes>,
    restarts: i64,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(Some(self), |follower| async move {
            let mut follower = follower?;
            if let Some(first) = follower.first.take().filter(|first| !first.is_empty()) {
                return Some((first, Some(follower)));
            }
            loop {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = follower.api.stopping.cancelled() => return None,
                }
                let (bytes, over) = follower.look();
                if over {
                    return (!bytes.is_empty()).then_some((bytes, None));
                }
                if !bytes.is_empty() {
                    return Some((bytes, Some(follower)));
                }
            }
        })
    }

    /// What is new, and whether that was all.
    fn look(&mut self) -> (Bytes, bool) {
        let pod = find(&self.api, &self.key).filter(|pod| pod.uid() == self.uid);
        let Some(pod) = pod else { return (Bytes::new(), true) };
        let mut run = kubelet_logs::run(&pod, &self.wanted.container, false);
        if run.as_ref().is_ok_and(|run| run.restarts != self.restarts) {
            // The run that is followed has ended and the next one has begun.
            run = kubelet_logs::run(&pod, &self.wanted.container, true);
        }
        let Ok(run) = run else { return (Bytes::new(), true) };
        let lines = kubelet_logs::lines(&pod, &self.wanted.container, &run, self.seen, Timestamp::now());
        self.seen += lines.len();
        (write(&lines, self.wanted.timestamps), run.ended.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_beyond_all_time_reaches_to_its_beginning() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        assert_eq!(ago(now, 60).to_string(), "2026-03-01T11:59:00Z");
        for seconds in [usize::MAX, usize::MAX / 2, 400_000_000_000] {
            assert_eq!(ago(now, seconds), Timestamp::MIN, "{seconds}");
        }
    }
}
