//! The stream of a page: every window and object on it, over one connection, because browsers allow few to one host.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use maud::{Markup, html};
use pilothouse_app::{Cluster, ConnectionState, Engine};
use serde::Serialize;

use crate::failure;
use crate::frame::{connection, trouble};
use crate::pages::object;
use crate::server::Web;
use crate::visit::Visit;

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

type Messages = BoxStream<'static, Message>;

/// `/c/{cluster}/live?watch=..&watch=..`
pub(crate) async fn follow(State(web): State<Web>, visit: Visit) -> Response {
    let cluster = match visit.cluster() {
        Ok(cluster) => cluster,
        Err(error) => return failure::api(&error),
    };
    let watches = visit.pairs.iter().filter(|(name, _)| name == "watch").take(MOST);
    let streams: Vec<_> =
        watches.enumerate().map(|(index, (_, watch))| messages(&visit.engine, &cluster, index, watch)).collect();
    // `end` tells the page not to come back: there is nothing more to follow.
    let events = stream::select_all(streams)
        .map(|message| Event::default().event("update").json_data(message))
        .chain(stream::once(async { Ok(Event::default().event("end").data("")) }))
        .take_until(web.shutdown.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// Everything there is to say about one watched thing.
fn messages(engine: &Engine, cluster: &Cluster, index: usize, watch: &str) -> Messages {
    let (engine, cluster, watch) = (engine.clone(), cluster.clone(), watch.to_owned());
    stream::once(async move {
        match Target::read(&cluster, &watch).await {
            Ok(Target::State { was_up }) => state(engine, &cluster, was_up),
            Ok(Target::Window(asked)) => window::messages(engine, cluster, asked),
            Ok(Target::Object(asked)) => object_messages(engine, cluster, asked),
            // Nothing to follow until the cluster answers; the connection's own messages then bring the page anew.
            Err(error) if error.kind == pilothouse_app::ErrorKind::Unavailable => stream::empty().boxed(),
            Err(error) => stream::once(async move { said("notes", &object::lost(&error)) }).boxed(),
        }
    })
    .flatten()
    .map(move |message| Message { watch: index, ..message })
    .boxed()
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
            BTreeMap::from([("connection", connection(&state).0), ("trouble", trouble(&state, engine.now()).0)]);
        let message = Message { reload: up && !was_up, parts, ..Message::default() };
        Some((message, (engine, receiver, false, up)))
    })
    .boxed()
}

/// One object: its head and body, when they differ from what was sent before.
fn object_messages(engine: Engine, cluster: Cluster, asked: target::AskedObject) -> Messages {
    let live = cluster.live_object(asked.resource.clone(), asked.namespace.as_deref(), &asked.name);
    let sent: BTreeMap<&'static str, String> = BTreeMap::new();
    stream::unfold((live, sent), move |(mut live, mut sent)| {
        let (engine, cluster, asked) = (engine.clone(), cluster.clone(), asked.clone());
        async move {
            let version = live.next().await?;
            if version.as_ref().is_ok_and(|view| object::windows_print(view, asked.view) != asked.windows) {
                return Some((Message { reload: true, ..Message::default() }, (live, sent)));
            }
            let made = match version {
                Ok(view) => crate::visit::scene(&engine, &cluster, asked.scope.clone(), |scene| {
                    [("head", object::head(&view, asked.view, scene)), ("body", object::body(&view, asked.view, scene))]
                }),
                Err(error) => [("head", html! {}), ("body", object::lost(&error))],
            };
            let mut parts = BTreeMap::new();
            for (name, html) in made {
                if sent.get(name) != Some(&html.0) {
                    sent.insert(name, html.0.clone());
                    parts.insert(name, html.0);
                }
            }
            Some((Message { parts, ..Message::default() }, (live, sent)))
        }
    })
    .boxed()
}
