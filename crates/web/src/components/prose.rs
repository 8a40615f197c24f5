//! Sentences from instruments and clusters: what stands in backticks is code.

use maud::{Markup, html};

/// A sentence; an odd backtick stays what it is.
pub(crate) fn prose(text: &str) -> Markup {
    let mut parts: Vec<&str> = text.split('`').collect();
    let odd = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
        @if let Some(rest) = odd { "`" (rest) }
    }
}

/// The same as a sentence of its own: failures are written to stand after a colon, too, so they begin small.
pub(crate) fn sentence(text: &str) -> Markup {
    let mut letters = text.chars();
    let begun: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let ended = begun.is_empty() || begun.ends_with(['.', '!', '?', ':', ')']);
    html! { (prose(&begun)) @if !ended { "." } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_large_and_ends() {
        assert_eq!(sentence("cannot reach `x`").into_string(), "Cannot reach <code>x</code>.");
        assert_eq!(sentence("Is it running?").into_string(), "Is it running?");
        assert_eq!(sentence("ähnlich").into_string(), "Ähnlich.");
        assert_eq!(sentence("").into_string(), "");
    }

    #[test]
    fn backticks_make_code_in_pairs_only() {
        let shown = |text: &str| prose(text).into_string();
        assert_eq!(shown("no code"), "no code");
        assert_eq!(shown("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(shown("an odd ` one"), "an odd ` one");
        assert_eq!(shown("`<b>` then `"), "<code>&lt;b&gt;</code> then `");
        assert_eq!(shown(""), "");
    }
}
