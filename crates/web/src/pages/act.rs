//! What is about to be done with an object, and what came of it: `/c/{cluster}/act/{action}/…`. It works without script: a
//! page that asks once more, a form, and a page with the result.

use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use pilothouse_app::{AppError, Choice, Cluster, Deletion, Done, ErrorKind, Expected, Propagation, Target};
use pilothouse_model::{Action, Danger, Level, Object, WriteMethod};

use crate::components::freshness::notice;
use crate::components::prose::prose;
use crate::failure;
use crate::frame::Content;
use crate::question::{Pairs, Question};
use crate::urls;
use crate::visit::Visit;

/// What the page asks about.
struct Asked {
    /// What is done, and to what.
    target: Target,
    object: Object,
    /// `None` to delete it.
    action: Option<Action>,
}

/// What the person has filled in.
#[derive(Default)]
struct Filled {
    pairs: Pairs,
}

impl Filled {
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, AppError> {
        let wrong = |_| AppError::new(ErrorKind::BadInput, format!("`{name}` must be a whole number"));
        self.text(name).map(|text| text.trim().parse().map_err(wrong)).transpose()
    }

    fn is_try(&self) -> bool {
        self.text("try").is_some()
    }

    fn expected(&self) -> Expected {
        Expected { uid: self.text("uid").map(str::to_owned), version: self.text("version").map(str::to_owned) }
    }
}

/// The object of the address.
pub(crate) async fn target(visit: &Visit) -> Result<(Cluster, Target), AppError> {
    let cluster = visit.cluster()?;
    let resource = visit.resource(&cluster).await?;
    let (namespace, name) = visit.object_key(&resource)?;
    let target = Target::new(&resource, namespace, name);
    Ok((cluster, target))
}

/// `GET`: what will happen.
pub(crate) async fn ask(visit: Visit) -> Response {
    let page = asked(&visit).await.map(|(cluster, asked)| page(&cluster, &asked, &Filled::default(), &html! {}));
    visit.answer(page)
}

async fn asked(visit: &Visit) -> Result<(Cluster, Asked), AppError> {
    let (cluster, target) = target(visit).await?;
    let asked = match visit.param("action")? {
        "delete" => Asked { object: cluster.read_own(&target).await?, target, action: None },
        id => {
            let (object, action) = cluster.action(&target, id).await?;
            Asked { target, object, action: Some(action) }
        }
    };
    Ok((cluster, asked))
}

/// `POST`: does it, and says what came of it.
pub(crate) async fn run(visit: Visit, Form(pairs): Form<Pairs>) -> Response {
    let filled = Filled { pairs };
    let (cluster, target) = match target(&visit).await {
        Ok(found) => found,
        Err(error) => return visit.answer(Err(error)),
    };
    match attempt(&cluster, &visit, &target, &filled).await {
        Ok(done) if !done.dry_run => {
            let did = visit.param("action").unwrap_or_default();
            let url = urls::object(cluster.id().as_str(), &target.resource, target.namespace.as_deref(), &target.name);
            Redirect::to(url.with("did", did).as_str()).into_response()
        }
        Ok(_) => again(&visit, &filled, StatusCode::OK, &accepted()).await,
        Err(error) => {
            let told = notice(Level::Error, &error.message, error.hint.as_deref().unwrap_or_default());
            again(&visit, &filled, failure::status(error.kind), &told).await
        }
    }
}

async fn attempt(cluster: &Cluster, visit: &Visit, target: &Target, filled: &Filled) -> Result<Done, AppError> {
    let (expected, dry_run) = (filled.expected(), filled.is_try());
    match visit.param("action")? {
        "delete" => {
            let propagation = filled.text("propagation").and_then(Propagation::read);
            let grace = filled.number("grace")?;
            cluster.delete(target, &Deletion { propagation, grace, expected, dry_run }).await
        }
        id => cluster.act(target, id, &Choice { number: filled.number("number")?, expected, dry_run }).await,
    }
}

/// The page once more, with what was told. The object is read anew: what is asked about is what is shown.
async fn again(visit: &Visit, filled: &Filled, status: StatusCode, told: &Markup) -> Response {
    match asked(visit).await {
        Ok((cluster, asked)) => {
            let mut response = visit.answer(Ok(page(&cluster, &asked, filled, told)));
            *response.status_mut() = status;
            response
        }
        Err(error) => visit.answer(Err(error)),
    }
}

/// What the API server said to a try.
fn accepted() -> Markup {
    notice(Level::Good, "The API server would accept this.", "It was only tried: nothing has changed.")
}

fn page(cluster: &Cluster, asked: &Asked, filled: &Filled, told: &Markup) -> Content {
    let (title, danger, words) = match &asked.action {
        Some(action) => (action.title, action.danger, action.words.clone()),
        None => ("Delete", Danger::Destructive, "It cannot be brought back.".to_owned()),
    };
    let Target { resource, namespace, name } = &asked.target;
    let here = urls::object(cluster.id().as_str(), resource, namespace.as_deref(), name);
    let action =
        urls::act(cluster.id().as_str(), asked.action.as_ref().map_or("delete", |action| action.id), &asked.target);
    let body = html! {
        div.head {
            div {
                ul.crumbs {
                    li { (resource.kind) " · " (resource.api_version()) }
                    @if let Some(namespace) = namespace { li { (namespace) } }
                    li { a href=(here) { (name) } }
                }
                h1 { (title) " " (resource.kind) " " (name) "?" }
            }
        }
        (told)
        section.card.confirm aria-label="What will happen" {
            div.body {
                p.danger-words { (mark(danger)) " " span { (prose(&words)) } }
                p.soft { "In cluster " strong { (cluster.id()) } ", with your own rights. It is written to the audit log where the console keeps one." }
                form method="post" action=(action) hx-boost="false" {
                    input type="hidden" name="uid" value=(asked.object.uid());
                    // What changes all the time would never be done: who was told once that it changed goes by the id.
                    @if filled.pairs.is_empty() { input type="hidden" name="version" value=(asked.object.resource_version()); }
                    (fields(asked, filled))
                    div.buttons {
                        button.button.primary.danger[danger == Danger::Destructive] type="submit" { (title) }
                        button.button type="submit" name="try" value="1" { "Try it first" }
                        a.button.plain href=(here) { "Cancel" }
                    }
                }
            }
        }
    };
    Content { title: format!("{title} {name}"), body, scoped: None, waits: false }
}

fn mark(danger: Danger) -> Markup {
    let (level, word) = match danger {
        Danger::Reversible => (Level::Good, "Can be undone."),
        Danger::Disruptive => (Level::Warning, "Interrupts what runs."),
        Danger::Destructive => (Level::Error, "Loses something for good."),
    };
    html! { span class={ "status " (level.as_str()) } { (crate::components::icon::icon(level.as_str())) (word) } }
}

fn fields(asked: &Asked, filled: &Filled) -> Markup {
    match &asked.action {
        Some(action) => match action.request.method {
            WriteMethod::NumberedMergePatch(pointer) => {
                // A number that is not known is left to the person: a zero that nobody meant would end everything.
                let now = action.request.body.pointer(pointer).and_then(serde_json::Value::as_i64);
                let value = filled.text("number").map(str::to_owned).or(now.map(|now| now.to_string()));
                html! {
                    label.input { span { "Number" } input type="number" name="number" min="0" max="2147483647" step="1" required value=[value]; }
                }
            }
            _ => html! {},
        },
        None => html! {
            label.input {
                span { "What it owns" }
                select name="propagation" {
                    option value="" { "as its kind does by itself" }
                    @for (one, words) in [
                        (Propagation::Background, "is deleted after it (Background)"),
                        (Propagation::Foreground, "is deleted before it (Foreground)"),
                        (Propagation::Orphan, "stays (Orphan)"),
                    ] {
                        option value=(one.as_str()) selected[filled.text("propagation") == Some(one.as_str())] { (words) }
                    }
                }
            }
            label.input {
                span { "Seconds to end in peace" }
                input type="number" name="grace" min="0" max="4294967295" placeholder="as it says itself" value=[filled.text("grace")];
            }
        },
    }
}

/// A deed that was done, told on the object's page.
pub(crate) fn did(visit: &Visit) -> Markup {
    let known =
        |id: &str| !id.is_empty() && id.len() <= 30 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    html! {
        @if let Some(id) = visit.query("did").filter(|id| known(id)) {
            (notice(Level::Good, &format!("Done: {id}."), "The API server has accepted it; what comes of it shows here."))
        }
    }
}

/// The page of an object that is not there any more because the person deleted it.
pub(crate) fn deleted(cluster: &Cluster, target: &Target) -> Content {
    let question = Question { namespaces: target.namespace.iter().cloned().collect(), ..Question::default() };
    let list = urls::list(cluster.id().as_str(), &target.resource).ask(&question);
    let title = format!("{} {} is deleted", target.resource.kind, target.name);
    let body = html! {
        div.head { div { h1 { (title) } } }
        (notice(Level::Good, "Done: delete.", "The API server does not have it any more."))
        p { a.button href=(list) { "Back to the list" } }
    };
    Content { title, body, scoped: None, waits: false }
}
