//! How something stands: always colour, shape and word.

use maud::{Markup, html};
use pilothouse_model::Status;

use super::icon::icon;

/// A status; nothing for a kind that has none.
pub(crate) fn status(status: &Status) -> Markup {
    let why = match (&*status.reason, &*status.message) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    html! {
        @if status.is_some() {
            span class={ "status " (status.level.as_str()) } title=[(!why.is_empty()).then_some(why)] {
                (icon(status.level.as_str()))
                span.word { (status.word) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilothouse_model::Level;

    #[test]
    fn a_status_is_colour_shape_and_word() {
        let broken = Status::new(Level::Error, "Failed").because("OOMKilled", "<b>ran out</b>");
        let html = status(&broken).into_string();
        assert!(
            html.contains(r#"class="status error""#) && html.contains("#error") && html.contains(">Failed<"),
            "{html}"
        );
        assert!(html.contains("OOMKilled: &lt;b&gt;ran out"), "{html}");
        assert_eq!(status(&Status::none()).into_string(), "");
    }
}
