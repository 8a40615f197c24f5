//! Logs: the view of an object's page, the stream that fills it, and the text to keep.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive};
use futures::stream::{self, Stream, StreamExt};
use maud::{Markup, html};
use pilothouse_app::{AppError, Cluster, Containers, ErrorKind, Lines, Log, LogOptions, ObjectView};
use pilothouse_model::{GroupResource, Level, Object};
use serde_json::json;

use crate::components::freshness::notice;
use crate::components::scene::Scene;
use crate::failure;
use crate::server::Web;
use crate::sse::sse;
use crate::urls;
use crate::visit::Visit;

/// Lines from the end that a page begins with when nobody says otherwise, and the most that it may begin with.
const TAIL: u64 = 1000;
const MOST: u64 = 100_000;

/// Whether an object has logs to show: it is a pod, or pods stand below it.
pub(crate) fn has(view: &ObjectView) -> bool {
    is_pod(view) || view.pods().next().is_some()
}

fn is_pod(view: &ObjectView) -> bool {
    view.resource.group_resource() == GroupResource::new("", "pods")
}

/// What is asked of a log, by the page's address or the stream's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    options: LogOptions,
}

impl Asked {
    pub(crate) fn read(visit: &Visit) -> Result<Self, AppError> {
        let text = |name: &str| visit.query(name).filter(|text| !text.is_empty());
        let number = |name: &str| text(name).map(|text| whole(name, text)).transpose();
        let positive = |name: &str| text(name).map(|text| some(name, text)).transpose();
        let flag = |name: &str| if text(name).is_some() { visit.flag(name) } else { Ok(false) };
        let options = LogOptions {
            container: text("container").map(crate::visit::name_of).transpose()?.map(str::to_owned),
            follow: flag("follow")?,
            previous: flag("previous")?,
            tail_lines: number("tail")?.or(number("tailLines")?),
            since_seconds: positive("sinceSeconds")?,
            timestamps: flag("timestamps")?,
            limit_bytes: positive("limitBytes")?,
            ..LogOptions::default()
        };
        Ok(Self { options })
    }

    fn query(&self, url: urls::Url) -> urls::Url {
        let options = &self.options;
        let flag = |set: bool| set.then(|| "1".to_owned());
        let given = [
            ("container", options.container.clone()),
            ("previous", flag(options.previous)),
            ("timestamps", flag(options.timestamps)),
            ("tail", options.tail_lines.map(|lines| lines.to_string())),
        ];
        given.iter().fold(url, |url, (name, value)| match value {
            Some(value) => url.with(name, value),
            None => url,
        })
    }
}

fn whole(name: &str, text: &str) -> Result<u64, AppError> {
    let wrong = |_| AppError::new(ErrorKind::BadInput, format!("`{name}` must be a whole number"));
    text.parse().map_err(wrong)
}

/// The same of what cannot be nothing: Kubernetes refuses it, too.
fn some(name: &str, text: &str) -> Result<u64, AppError> {
    match whole(name, text)? {
        0 => {
            Err(AppError::new(ErrorKind::BadInput, format!("`{name}` must be 1 at least")).hint("leave it out for all"))
        }
        number => Ok(number),
    }
}

/// The view of logs on the page of an object. `chosen` is the pod that is asked for.
pub(crate) async fn view(visit: &Visit, cluster: &Cluster, object: &ObjectView) -> Result<Markup, AppError> {
    let Some(namespace) = object.row.namespace.as_deref() else { return Ok(html! {}) };
    let own = is_pod(object);
    let names: Vec<&str> = if own { vec![&*object.row.name] } else { object.pods().collect() };
    let asked_pod = visit.query("pod").filter(|pod| names.contains(pod));
    let Some(pod) = asked_pod.or_else(|| names.first().copied()) else {
        return Ok(match cluster.why_pods_are_unknown(namespace, crate::visit::PATIENCE).await? {
            Some(why) => notice(Level::Warning, "It is not known which pods stand below it.", &why),
            None => notice(Level::Idle, "No pods stand below it at the moment.", ""),
        });
    };
    let containers = if own {
        containers(&object.object)
    } else {
        let catalog = cluster.wait_catalog(crate::visit::PATIENCE).await?;
        let resource = catalog.resource("core", "v1", "pods")?;
        match cluster.read(&resource, Some(namespace), pod).await {
            Ok(read) => containers(&read.object),
            // It may be listed and not read, or be gone by now: that is no failure of the object whose page this is.
            Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) => {
                return Ok(notice(Level::Error, &error.message, error.hint.as_deref().unwrap_or_default()));
            }
            Err(error) => return Err(error),
        }
    };
    let mut asked = Asked::read(visit)?;
    if asked.options.container.as_ref().is_none_or(|container| !containers.contains(container)) {
        asked.options.container = containers.first().cloned();
    }
    asked.options.tail_lines = Some(asked.options.tail_lines.unwrap_or(TAIL).min(MOST));
    let shown = Shown { namespace, pod, names: &names, containers: &containers, asked: &asked };
    Ok(visit.scene(cluster, visit.question()?.scope(), |scene| panel(object, &shown, scene)))
}

/// What the view shows.
struct Shown<'a> {
    namespace: &'a str,
    pod: &'a str,
    names: &'a [&'a str],
    containers: &'a [String],
    asked: &'a Asked,
}

/// The containers of a pod, the one that people mean first.
fn containers(pod: &Object) -> Vec<String> {
    Containers::of(pod).names().into_iter().map(str::to_owned).collect()
}

fn panel(object: &ObjectView, shown: &Shown<'_>, scene: &Scene<'_>) -> Markup {
    let Shown { namespace, pod, names, containers, asked } = shown;
    let options = &asked.options;
    let here = scene.object(&object.resource, Some(namespace), &object.row.name);
    let stream = asked.query(urls::log(scene.cluster, namespace, pod));
    let stream = if options.previous { stream } else { stream.with("follow", "1") };
    let file = asked.query(urls::log_text(scene.cluster, namespace, pod));
    html! {
        section.card.logs aria-label="Logs" data-logs=(stream) {
            header {
                form.log-choice method="get" action=(here.as_str().split('?').next().unwrap_or_default()) {
                    input type="hidden" name="view" value="logs";
                    @if !scene.scope.namespaces.is_empty() { input type="hidden" name="ns" value=(scene.scope.namespaces.join(",")); }
                    @if names.len() > 1 {
                        (choice("pod", "Pod", names.iter().copied(), Some(pod)))
                    }
                    @if containers.len() > 1 {
                        (choice("container", "Container", containers.iter().map(String::as_str), options.container.as_deref()))
                    }
                    label.input { span { "Last lines" } input type="number" name="tail" min="0" max=(MOST) value=(options.tail_lines.unwrap_or(TAIL)); }
                    label.check { input type="checkbox" name="previous" value="1" checked[options.previous]; "Run before" }
                    label.check { input type="checkbox" name="timestamps" value="1" checked[options.timestamps]; "Times" }
                    button.button type="submit" { "Show" }
                    a.button href=(file) hx-boost="false" download { "Save as text" }
                }
            }
            pre.log #log tabindex="0" role="log" aria-live="off" aria-label={ "Log of " (pod) } {}
            p.faint.log-state role="status" data-log-state="" { span.needs-script { "Opening the log." } noscript { "Without script the log comes as text: " a href=(file) { "open it" } "." } }
        }
    }
}

fn choice<'a>(name: &str, title: &str, values: impl Iterator<Item = &'a str>, chosen: Option<&str>) -> Markup {
    html! {
        label.input {
            span { (title) }
            select name=(name) { @for value in values { option value=(value) selected[chosen == Some(value)] { (value) } } }
        }
    }
}

/// `/c/{cluster}/logs/{namespace}/{pod}`: lines as they come.
pub(crate) async fn follow(State(web): State<Web>, visit: Visit) -> Response {
    let events = match open(&visit).await {
        Ok(log) => events(log).boxed(),
        // A stream that never opens could not say why.
        Err(error) => stream::iter([trouble(&error)]).boxed(),
    };
    sse(&web, KeepAlive::default(), events.map(Ok))
}

async fn open(visit: &Visit) -> Result<Log, AppError> {
    let asked = Asked::read(visit)?;
    visit.cluster()?.logs(visit.param("namespace")?, visit.param("pod")?, &asked.options).await
}

/// The lines of a log as events: `lines`, an array of texts; at the end `end`, or `trouble` with the reason.
fn events(log: Log) -> impl Stream<Item = Event> {
    let state = Some((log, Lines::default()));
    stream::unfold(state, |state| async move {
        let (mut log, mut lines) = state?;
        loop {
            match log.next().await {
                Some(Ok(piece)) => {
                    let complete = lines.push(&piece);
                    if !complete.is_empty() {
                        return Some((vec![told(&complete)], Some((log, lines))));
                    }
                }
                Some(Err(error)) => {
                    let rest = lines.finish().map(|line| told(&[line]));
                    return Some((rest.into_iter().chain([trouble(&error)]).collect(), None));
                }
                None => {
                    let rest = lines.finish().map(|line| told(&[line]));
                    return Some((rest.into_iter().chain([Event::default().event("end").data("")]).collect(), None));
                }
            }
        }
    })
    .flat_map(stream::iter)
}

fn told(lines: &[String]) -> Event {
    // JSON keeps every character of a line apart from the frames of the stream.
    Event::default().event("lines").data(json!(lines).to_string())
}

fn trouble(error: &AppError) -> Event {
    let words = json!({"message": error.message, "hint": error.hint});
    Event::default().event("trouble").data(words.to_string())
}

/// `/c/{cluster}/logs/{namespace}/{pod}/text`: the log as it is, to keep.
pub(crate) async fn text(State(web): State<Web>, visit: Visit) -> Response {
    match open(&visit).await {
        Ok(log) => as_text(log, Some(&visit), &web),
        Err(error) => visit.answer(Err(error)),
    }
}

/// A log as plain text; as a file where a page asked for one.
fn as_text(log: Log, file: Option<&Visit>, web: &Web) -> Response {
    let mut response = Response::new(Body::from_stream(log.take_until(web.shutdown.clone().cancelled_owned())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Some(visit) = file {
        let part = |name: Result<&str, AppError>| name.unwrap_or("log").to_owned();
        let container = visit.query("container").map(|container| format!("-{container}")).unwrap_or_default();
        let name: String = format!("{}{container}.log", part(visit.param("pod")))
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '_' })
            .collect();
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    response
}

/// A log as an answer of the API: plain text, or a stream of lines for who asks for one.
pub(crate) async fn api(web: &Web, visit: &Visit, (namespace, pod): (&str, &str), streams: bool) -> Response {
    let opened = match (Asked::read(visit), visit.cluster()) {
        (Ok(asked), Ok(cluster)) => cluster.logs(namespace, pod, &asked.options).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    match opened {
        Ok(log) if streams => sse(web, KeepAlive::default(), events(log).map(Ok)),
        Ok(log) => as_text(log, None, web),
        Err(error) => failure::api(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_takes_from_one_on_is_not_zero() {
        assert_eq!((whole("tailLines", "0"), some("limitBytes", "1")), (Ok(0), Ok(1)));
        assert_eq!(some("limitBytes", "0").unwrap_err().message, "`limitBytes` must be 1 at least");
        assert_eq!(some("limitBytes", "-1").unwrap_err().message, "`limitBytes` must be a whole number");
    }
}
