//! An object as text to edit: `/c/{cluster}/edit/…`, and the values of a Secret: `/c/{cluster}/reveal/…`.

use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use pilothouse_app::{AppError, Cluster, Target, parse_object, yaml};
use pilothouse_model::unseen::misleads;
use pilothouse_model::{Level, Object};
use serde_json::Value;

use super::act::target;
use crate::components::freshness::notice;
use crate::failure;
use crate::frame::Content;
use crate::question::Pairs;
use crate::urls;
use crate::visit::Visit;

/// `GET`: the object as it is now.
pub(crate) async fn edit(visit: Visit) -> Response {
    let page = read(&visit).await.map(|(cluster, target, text)| page(&cluster, &target, &text, &html! {}));
    visit.answer(page)
}

async fn read(visit: &Visit) -> Result<(Cluster, Target, String), AppError> {
    let (cluster, target) = target(visit).await?;
    let object = cluster.read_own(&target).await?;
    Ok((cluster, target, yaml(object.value())))
}

/// `POST`: puts the text in its place. What was written is never lost: a refusal shows it again.
pub(crate) async fn save(visit: Visit, Form(pairs): Form<Pairs>) -> Response {
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let text = given("text").unwrap_or_default();
    let (cluster, target) = match target(&visit).await {
        Ok(found) => found,
        Err(error) => return visit.answer(Err(error)),
    };
    let replaced = match parse_object(text) {
        Ok(object) => cluster.replace(&target, object, given("try").is_some()).await,
        Err(error) => Err(error),
    };
    let (status, told) = match replaced {
        Ok(done) if !done.dry_run => {
            let url = urls::object(cluster.id().as_str(), &target.resource, target.namespace.as_deref(), &target.name);
            return Redirect::to(url.with("did", "edit").as_str()).into_response();
        }
        Ok(_) => {
            let told =
                notice(Level::Good, "The API server would accept this.", "It was only tried: nothing has changed.");
            (StatusCode::OK, told)
        }
        Err(error) => {
            let hint = error.hint.as_deref().unwrap_or_default();
            (failure::status(error.kind), notice(Level::Error, &error.message, hint))
        }
    };
    let mut response = visit.answer(Ok(page(&cluster, &target, text, &told)));
    *response.status_mut() = status;
    response
}

fn page(cluster: &Cluster, target: &Target, text: &str, told: &Markup) -> Content {
    let here = urls::object(cluster.id().as_str(), &target.resource, target.namespace.as_deref(), &target.name);
    let body = html! {
        (head("Edit", target, &here))
        (told)
        form.edit method="post" action=(urls::edit(cluster.id().as_str(), target)) hx-boost="false" {
            textarea name="text" aria-label="The object as YAML" spellcheck="false" autocomplete="off" autocapitalize="off" wrap="off" {
                "\n" (text)
            }
            div.buttons {
                button.button.primary type="submit" { "Save" }
                button.button type="submit" name="try" value="1" { "Try it first" }
                a.button.plain href=(here) { "Cancel" }
                span.soft { code { "resourceVersion" } " says which version you edit: when somebody else was faster, nothing is overwritten." }
            }
        }
    };
    Content { title: format!("Edit {}", target.name), body, scoped: None, waits: false }
}

fn head(title: &str, target: &Target, here: &urls::Url) -> Markup {
    html! {
        div.head {
            div {
                ul.crumbs {
                    li { (target.resource.kind) " · " (target.resource.api_version()) }
                    @if let Some(namespace) = &target.namespace { li { (namespace) } }
                    li { a href=(here) { (target.name) } }
                }
                h1 { (title) " " (target.resource.kind) " " (target.name) }
            }
        }
    }
}

/// `POST`: the values of a Secret, once, for the one who asks. Nothing of it may be kept on the way.
pub(crate) async fn reveal(visit: Visit) -> Response {
    let page = revealed(&visit).await;
    visit.answer(page)
}

/// `GET`: values are never a link away.
pub(crate) async fn revealed_before(visit: Visit) -> Response {
    match target(&visit).await {
        Ok((cluster, target)) => {
            let url = urls::object(cluster.id().as_str(), &target.resource, target.namespace.as_deref(), &target.name);
            Redirect::to(url.as_str()).into_response()
        }
        Err(error) => visit.answer(Err(error)),
    }
}

async fn revealed(visit: &Visit) -> Result<Content, AppError> {
    let (cluster, target) = target(visit).await?;
    let secret = cluster.reveal(&target).await?;
    let here = urls::object(cluster.id().as_str(), &target.resource, target.namespace.as_deref(), &target.name);
    let body = html! {
        (head("Values of", &target, &here))
        (notice(Level::Warning, "These are the values themselves.", "They are shown to you alone and kept nowhere; that you read them is recorded where the console keeps an audit log."))
        section.card aria-label="Values" { div.body { (values(&secret)) } }
        p { a.button href=(here) { "Hide them" } }
    };
    Ok(Content { title: format!("Values of {}", target.name), body, scoped: None, waits: false })
}

/// Every value as text, or what it is when it is none.
fn values(secret: &Object) -> Markup {
    let entries = secret.value().get("data").and_then(Value::as_object);
    html! {
        @match entries.filter(|entries| !entries.is_empty()) {
            None => p.empty { "It holds no keys." },
            Some(entries) => dl.facts.entries {
                @for (key, value) in entries {
                    div.whole {
                        dt { code { (key) } }
                        dd { (value_of(value.as_str().unwrap_or_default())) }
                    }
                }
            },
        }
    }
}

fn value_of(encoded: &str) -> Markup {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
    html! {
        @match bytes.map(String::from_utf8) {
            Ok(Ok(text)) if text.is_empty() => span.none { "empty" },
            Ok(Ok(text)) => {
                pre tabindex="0" { "\n" (text) }
                @if text.contains(misleads) {
                    p.faint { "Characters that are not seen show as a mark above. Exactly, in base64, it is:" }
                    pre tabindex="0" { (encoded) }
                }
            },
            _ => { p.faint { "This is no text; it stands here in base64." } pre tabindex="0" { (encoded) } },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_text_whatever_they_hold() {
        let secret = Object::new(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "a", "name": "keys"},
            "data": {"html": "PGI+aGk8L2I+", "bytes": "//79", "none": "", "turned": "YeKArmI="},
        }));
        let html = values(&secret.unwrap()).into_string();
        assert!(html.contains("&lt;b&gt;hi&lt;/b&gt;") && html.contains("//79") && html.contains("empty"), "{html}");
        assert!(html.contains("YeKArmI="), "what cannot be read from the text stands in base64, too: {html}");
    }
}
