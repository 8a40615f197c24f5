//! What leaves as HTML shows marks for characters that would mislead whoever reads it: names, reasons and messages are
//! written by whoever may write to a cluster.

use std::borrow::Cow;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pilothouse_model::unseen::misleads;

/// Marks such characters in pages and in pieces of them. The stream of a page does so for itself.
pub(crate) async fn marked(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/html")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Pages are made whole: nothing is waited for.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let made = match std::str::from_utf8(&bytes).map(shown) {
        Ok(Cow::Owned(html)) => html,
        Ok(Cow::Borrowed(_)) | Err(_) => return (parts, Body::from(bytes)).into_response(),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, Body::from(made)).into_response()
}

/// HTML whose texts show a mark for each such character. What stands in tags is not read but sent back, and what stands in
/// an editor is edited: both stay as they are.
pub(crate) fn shown(html: &str) -> Cow<'_, str> {
    if !html.contains(misleads) {
        return Cow::Borrowed(html);
    }
    let mut made = String::with_capacity(html.len());
    let mut rest = html;
    while !rest.is_empty() {
        let (text, tag) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        made.extend(
            text.chars().map(|character| if misleads(character) { char::REPLACEMENT_CHARACTER } else { character }),
        );
        // In what a tag says, the sign of its end is escaped.
        let end = if tag.starts_with("<textarea") { tag.find("</textarea") } else { tag.find('>').map(|end| end + 1) };
        let (tag, behind) = tag.split_at(end.unwrap_or(tag.len()));
        made.push_str(tag);
        rest = behind;
    }
    Cow::Owned(made)
}

#[cfg(test)]
mod tests {
    use maud::html;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_marked_and_tags_and_editors_are_not() {
        let name = "web\u{202e}gpj.exe";
        let page = html! {
            h1 title=(name) { (name) }
            input value={ (name) ">" };
            p { "می\u{200c}خواهم\u{200b} <b>" }
            textarea name="text" { (name) "<b>" }
            p { (name) }
        };
        let made = shown(&page.0).into_owned();
        let marked = "web\u{fffd}gpj.exe";
        assert_eq!(
            made,
            format!(
                "<h1 title=\"{name}\">{marked}</h1><input value=\"{name}&gt;\"><p>می\u{200c}خواهم\u{fffd} &lt;b&gt;</p>\
                 <textarea name=\"text\">{name}&lt;b&gt;</textarea><p>{marked}</p>"
            )
        );
    }

    proptest! {
        #[test]
        fn any_text_is_marked_and_no_other_character_changes(text in "[\u{202e}\u{200b}\u{200d}a<>&\" /]{0,12}", inside in "[\u{202e}a>\"<]{0,4}") {
            let page = html! { p class=(inside) { (text) } };
            let made = shown(&page.0).into_owned();
            let wanted: String = text.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect();
            prop_assert_eq!(made, html! { p class=(inside) { (wanted) } }.0);
        }
    }
}
