//! The stream of a page: every window and object on it, over one connection, because browsers allow few to one host.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use maud::{Markup, html};
use pilothouse_app::{AppError, Cluster, ConnectionState, Engine, ErrorKind, ObjectView, Source};
use pilothouse_model::Level;
use serde::Serialize;

use crate::components::facets::{self, Asked};
use crate::components::freshness;
use crate::components::scene::Scene;
use crate::failure;
use crate::frame::connection;
use crate::pages::object;
use crate::question::Question;
use crate::server::Web;
use crate::sse::sse;
use crate::unseen;
use crate::urls;
use crate::visit::{PATIENCE, Visit, reaching};

pub(crate) mod many;
mod target;
mod window;

use target::Target;

/// The most things that one page follows.
const MOST: usize = 32;

/// One message of the stream: what changed of one thing that the page follows.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Message {
    /// Its position in the address.
    watch: usize,
    /// The page must be fetched again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reload: bool,
    /// HTML by place.
    parts: BTreeMap<&'static str, String>,
    /// Changed rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<window::Rows>,
}

impl Message {
    /// The message as pages show texts: with marks for what is not seen.
    fn marked(mut self) -> Self {
        for html in self.parts.values_mut().chain(self.rows.iter_mut().flat_map(window::Rows::each_html)) {
            if let Cow::Owned(marked) = unseen::shown(html) {
                *html = marked;
            }
        }
        self
    }
}

type Messages = BoxStream<'static, Message>;

/// `/c/{cluster}/live?watch=..&watch=..`
pub(crate) async fn follow(State(web): State<Web>, visit: Visit) -> Response {
    let cluster = match visit.cluster() {
        Ok(cluster) => cluster,
        Err(error) => return failure::api(&error),
    };
    followed(&web, &visit, |watch| messages(&visit.engine, &cluster, watch))
}

/// All that the page follows, over one connection.
fn followed(web: &Web, visit: &Visit, messages: impl Fn(&str) -> Messages) -> Response {
    let watches = visit.pairs.iter().filter(|(name, _)| name == "watch").enumerate();
    let streams = watches.map(|(index, (_, watch))| {
        let messages = match index {
            ..MOST => messages(watch),
            _ => stream::iter([said("notes", &too_many())]).boxed(),
        };
        messages.map(move |message| Message { watch: index, ..message }).boxed()
    });
    // `end` tells the page not to come back: there is nothing more to follow.
    let events = stream::select_all(streams)
        .map(|message| Event::default().event("update").json_data(message.marked()))
        .chain(stream::once(async { Ok(Event::default().event("end").data("")) }));
    // Not as a comment, of which no page would know: a page that hears nothing says so.
    let alive = Event::default().event("alive").data("");
    sse(web, KeepAlive::new().event(alive), events)
}

/// Everything there is to say about one watched thing.
fn messages(engine: &Engine, cluster: &Cluster, watch: &str) -> Messages {
    let (engine, cluster, watch) = (engine.clone(), cluster.clone(), watch.to_owned());
    stream::once(async move {
        match Target::read(&cluster, &watch).await {
            Ok(Target::State { was_up }) => state(engine, &cluster, was_up),
            Ok(Target::Window(asked)) => window::messages(engine, cluster, asked),
            Ok(Target::Counts(source, question)) => counts(&cluster, source, question),
            Ok(Target::Object(asked)) => object_messages(engine, cluster, asked),
            // Nothing to follow until the cluster answers; the connection's own messages then bring the page anew.
            Err(error) if error.kind == ErrorKind::Unavailable => stream::empty().boxed(),
            Err(error) => stream::once(async move { said("notes", &object::lost(&error)) }).boxed(),
        }
    })
    .flatten()
    .boxed()
}

/// For what stands beyond the most that one page follows.
fn too_many() -> Markup {
    let title = format!("This part is not live: a page follows {MOST} things at most.");
    freshness::notice(Level::Warning, &title, "Load the page again to see what is new.")
}

fn said(part: &'static str, html: &Markup) -> Message {
    Message { parts: BTreeMap::from([(part, html.0.clone())]), ..Message::default() }
}

/// The connection: its mark, and the page anew when a cluster that was away is back.
fn state(engine: Engine, cluster: &Cluster, was_up: bool) -> Messages {
    let receiver = cluster.watch_state();
    stream::unfold((engine, receiver, true, was_up), |(engine, mut receiver, first, was_up)| async move {
        if !first {
            receiver.changed().await.ok()?;
        }
        let state = receiver.borrow_and_update().clone();
        let up = matches!(state, ConnectionState::Connected { .. });
        let parts =
            BTreeMap::from([("connection", connection(&state).0), ("trouble", reaching(&state, engine.now()).0)]);
        let message = Message { reload: up && !was_up, parts, ..Message::default() };
        Some((message, (engine, receiver, false, up)))
    })
    .boxed()
}

/// How the rows of a list divide. Why it ends, the window over the same list tells.
fn counts(cluster: &Cluster, source: Source, question: Question) -> Messages {
    let here = urls::whole(cluster.id().as_str(), &source);
    let live = cluster.live_counts(source, question.ask());
    stream::unfold((live, here, question), |(mut live, here, question)| async move {
        let counts = live.next().await?;
        let asked = Asked { here: &here, question: &question, columns: &counts.columns };
        let message = said("counts", &facets::groups(&counts, &asked));
        Some((message, (live, here, question)))
    })
    .boxed()
}

/// One object: the parts of its page, when they differ from what was sent before.
fn object_messages(engine: Engine, cluster: Cluster, asked: target::AskedObject) -> Messages {
    let live = cluster.live_object(asked.resource.clone(), asked.namespace.as_deref(), &asked.name);
    stream::unfold((live, Page::default()), move |(mut live, mut page)| {
        let (engine, cluster, asked) = (engine.clone(), cluster.clone(), asked.clone());
        async move {
            let version = live.next().await?;
            if let Ok(view) = &version
                && !view.gone
            {
                // Rights change while a page is open: what was said lately holds, else the cluster is asked again.
                let target = pilothouse_app::Target::new(&view.resource, view.row.namespace.as_deref(), &view.row.name);
                cluster.offers(&target, &view.object, PATIENCE).await;
            }
            let message = crate::visit::scene(&engine, &cluster, asked.scope.clone(), |scene| {
                let offers = version.as_ref().ok().map(|view| object::offers(&cluster, view, scene));
                page.message(version, (asked.view, &asked.windows), offers, scene)
            });
            Some((message, (live, page)))
        }
    })
    .boxed()
}

/// The parts of a page as they were sent last.
#[derive(Default)]
struct Sent(BTreeMap<&'static str, String>);

impl Sent {
    /// Those of the parts that look different now.
    fn fresh(&mut self, parts: impl IntoIterator<Item = (&'static str, Markup)>) -> BTreeMap<&'static str, String> {
        let mut fresh = BTreeMap::new();
        for (name, html) in parts {
            if self.0.get(name) != Some(&html.0) {
                self.0.insert(name, html.0.clone());
                fresh.insert(name, html.0);
            }
        }
        fresh
    }
}

/// What the page of an object was sent.
#[derive(Default)]
struct Page {
    last: Option<Arc<ObjectView>>,
    sent: Sent,
}

impl Page {
    /// What a version brings to the page. A failure is told beside what the page shows, which stays.
    fn message(
        &mut self,
        version: Result<Arc<ObjectView>, AppError>,
        (looked, windows): (object::View, &str),
        offers: Option<Markup>,
        scene: &Scene<'_>,
    ) -> Message {
        let made = match version {
            // What may not be seen any more does not stay on the page.
            Err(error)
                if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::Unauthorized) && self.last.is_some() =>
            {
                return Message { reload: true, ..Message::default() };
            }
            Err(error) => vec![("notes", object::lost(&error))],
            Ok(view) if object::windows_print(&view, looked) != windows => {
                return Message { reload: true, ..Message::default() };
            }
            Ok(view) => {
                let mut made = vec![("head", object::head(&view, looked, scene)), ("notes", html! {})];
                made.extend(offers.map(|offers| ("offers", offers)));
                // Nothing but the time has passed: ages tick on the page itself.
                if !self.last.as_ref().is_some_and(|last| last.says_the_same(&view)) {
                    made.push(("body", object::body(&view, looked, scene)));
                }
                self.last = Some(view);
                made
            }
        };
        Message { parts: self.sent.fresh(made), ..Message::default() }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::samples;

    #[test]
    fn all_html_of_a_message_is_marked_and_names_of_rows_are_not() {
        let mut page = None;
        let (name, html) = ("a\u{202e}b", || "<td>a\u{202e}b</td>".to_owned());
        let placed = |index| window::Placed::shown(index, name.to_owned(), html());
        let changes = window::Changes {
            entered: vec![placed(0)],
            moved: vec![window::Placed::moved(1, name.to_owned())],
            left: vec![name.to_owned()],
            changed: vec![placed(2)],
        };
        let rows = Some(window::Rows::new(changes, &mut page));
        let message = Message { parts: BTreeMap::from([("notes", html())]), rows, ..Message::default() };
        let sent = serde_json::to_string(&message.marked()).unwrap();
        assert_eq!(sent.matches("<td>a\u{fffd}b</td>").count(), 3, "{sent}");
        assert_eq!(sent.matches(&format!("\"{name}\"")).count(), 4, "{sent}");
    }

    #[test]
    fn an_object_brings_what_differs_and_a_failure_takes_nothing_away() {
        let mut page = Page::default();
        let view = samples::object_view();
        let windows = object::windows_print(&view, object::View::Overview);
        let mut sent = |version| {
            let asked = (object::View::Overview, windows.as_str());
            let parts = samples::with_scene(|scene| page.message(version, asked, None, scene)).parts;
            (parts.keys().copied().collect::<Vec<_>>().join(" "), parts.get("notes").cloned().unwrap_or_default())
        };
        let read = |seconds: i64| {
            let as_of = view.as_of.map(|as_of| as_of - jiff::SignedDuration::from_secs(seconds));
            Ok(Arc::new(ObjectView { as_of, ..view.clone() }))
        };
        assert_eq!(sent(read(60)).0, "body head notes");
        assert_eq!(sent(read(30)).0, "head", "only the time has passed");
        let (parts, notes) = sent(Err(AppError::new(ErrorKind::Unavailable, "not any more")));
        assert_eq!(parts, "notes");
        assert!(notes.contains("Not any more") && notes.contains("what was seen before"), "{notes}");
        assert_eq!(sent(read(30)), ("notes".to_owned(), String::new()), "it is told that all is well again");
    }
}
