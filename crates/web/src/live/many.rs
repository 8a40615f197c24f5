//! The stream of a page over several clusters: `/all/live?watch=..`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use pilothouse_app::{AppError, Engine, Many, ManyDelta, ManyId, ManyRow, ManySource, ManyUpdate, ManyWindow};
use pilothouse_model::ObjectRef;

use super::target::{address, unknown};
use super::window::{Changes, Placed, Rows};
use super::{Message, Messages, Sent, followed, said};
use crate::components::many::{ListedInAll, Told, parts, row};
use crate::components::rows::Shape;
use crate::components::scene::Scene;
use crate::pages::all::{addresses, namespaced};
use crate::pages::object::lost;
use crate::question::Question;
use crate::server::Web;
use crate::visit::Visit;

/// `/all/live?watch=..`
pub(crate) async fn follow(State(web): State<Web>, visit: Visit) -> Response {
    followed(&web, &visit, |watch| messages(&visit.engine, watch))
}

fn messages(engine: &Engine, watch: &str) -> Messages {
    match Follower::read(engine, watch) {
        Ok(follower) => stream::unfold(Some(follower), |follower| async move {
            let mut follower = follower?;
            match follower.live.next().await {
                Some(update) => Some((follower.message(&update), Some(follower))),
                // Whoever may ask no more is told so by the page itself.
                None => follower.live.refused().map(|_| (Message { reload: true, ..Message::default() }, None)),
            }
        })
        .boxed(),
        Err(error) => stream::iter([said("notes", &lost(&error))]).boxed(),
    }
}

struct Follower {
    engine: Engine,
    many: Many,
    source: ManySource,
    question: Question,
    /// The columns that the page was made with.
    columns: String,
    /// What the page says when there are no rows.
    empty: String,
    live: ManyWindow,
    /// The rows on the page, by id; `None` before the first update.
    page: Option<BTreeSet<String>>,
    sent: Sent,
}

impl Follower {
    /// Reads one `watch` parameter.
    fn read(engine: &Engine, watch: &str) -> Result<Self, AppError> {
        let (segments, pairs) = address(watch)?;
        let text = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let source = match segments.as_slice() {
            [only] if only == "workloads" => ManySource::Workloads,
            [first, group, version, plural] if first == "r" => {
                ManySource::Resource { group: group.clone(), version: version.clone(), plural: plural.clone() }
            }
            _ => return Err(unknown()),
        };
        let question = Question::read(&pairs)?;
        let many = engine.many(&question.clusters)?;
        let live = many.window(&source, &question.ask())?;
        Ok(Self {
            engine: engine.clone(),
            many,
            source,
            columns: text("columns"),
            empty: text("empty"),
            question,
            live,
            page: None,
            sent: Sent::default(),
        })
    }

    fn message(&mut self, update: &ManyUpdate) -> Message {
        let (here, watch) = addresses(&self.source, &self.question);
        let namespaced = namespaced(&self.many, &self.source);
        let listed = ListedInAll { question: &self.question, here, watch, namespaced, label: "", empty: &self.empty };
        let shape = listed.shape(&update.columns);
        if shape.print() != self.columns {
            return Message { reload: true, ..Message::default() };
        }
        let resolve = |_: &ObjectRef| None;
        let scene = Scene { cluster: "", now: self.engine.now(), scope: self.question.scope(), resolve: &resolve };
        let rows = update.delta.as_ref().map(|delta| changes(delta, &mut self.page, &shape, &scene));
        let told = Told { total: update.total, unfiltered: update.unfiltered, parts: &update.parts };
        Message { parts: self.sent.fresh(parts(&listed, &told, &scene)), rows, ..Message::default() }
    }
}

fn changes(delta: &ManyDelta, page: &mut Option<BTreeSet<String>>, shape: &Shape, scene: &Scene<'_>) -> Rows {
    let id = |id: &ManyId| shape.key(id.cluster.as_str(), &id.row);
    let placed = |index: usize, one: &ManyRow| Placed::shown(index, id(&one.id()), row(one, shape, scene).0);
    Rows::new(
        Changes {
            entered: delta.entered.iter().map(|(index, one)| placed(*index, one)).collect(),
            moved: delta.moved.iter().map(|(index, moved)| Placed::moved(*index, id(moved))).collect(),
            left: delta.left.iter().map(id).collect(),
            changed: delta.changed.iter().map(|(index, one, _)| placed(*index, one)).collect(),
        },
        page,
    )
}
