//! Conditions that are put into a question and taken out of it again, as people do with a click.

use pilothouse_model::Column;

use crate::field;
use crate::token::{Form, Operator, Token, TokenKind, tokens};

/// Longer values are not written into questions: messages, mostly.
const LONGEST: usize = 120;

/// The question about fewer rows: those whose field has this value, or has none where the value is `None`. `None` when the
/// question or the value cannot be written so.
///
/// ```
/// # use pilothouse_query::narrow;
/// assert_eq!(narrow("oom", "ns", Some("team-a"), &[]).as_deref(), Some("oom ns:team-a"));
/// assert_eq!(narrow("a OR b", "ns", None, &[]).as_deref(), Some("(a OR b) -has:ns"));
/// ```
pub fn narrow(text: &str, name: &str, value: Option<&str>, columns: &[Column]) -> Option<String> {
    let condition = match value {
        Some(value) => format!("{name}:{}", written(name, value, columns)?),
        None => format!("-has:{name}"),
    };
    let read = tokens(text).ok()?;
    let text = text.trim();
    let narrowed = match () {
        () if read.is_empty() => condition,
        () if top(&read).any(|at| read[at].kind == TokenKind::Or) => format!("({text}) {condition}"),
        () => format!("{text} {condition}"),
    };
    crate::parse(&narrowed, columns).is_ok().then_some(narrowed)
}

/// The question without this condition, in any of the ways to write it; `None` when it is no condition of its own there.
pub fn widen(text: &str, name: &str, value: Option<&str>, columns: &[Column]) -> Option<String> {
    let same = |own: &Option<String>| own.as_deref().map(str::to_lowercase) == value.map(str::to_lowercase);
    let found = spans(text, name, columns).into_iter().find(|(own, _)| same(own));
    let (_, span) = found?;
    let (before, after) = (text[..span.start].trim(), text[span.end..].trim());
    let joint = if before.is_empty() || after.is_empty() { "" } else { " " };
    Some(format!("{before}{joint}{after}"))
}

/// The values that a question asks a field to have, each in a condition of its own that every row fulfils; `None` among
/// them asks for rows without a value.
pub fn conditions(text: &str, name: &str, columns: &[Column]) -> Vec<Option<String>> {
    let mut values: Vec<Option<String>> = Vec::new();
    for (value, _) in spans(text, name, columns) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// A text as the value of a field: bare where that means the same as in quotes.
pub(crate) fn written(name: &str, value: &str, columns: &[Column]) -> Option<String> {
    if value.chars().count() > LONGEST || value.contains(char::is_control) {
        return None;
    }
    let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let meaning = crate::parse(&format!("{name}:{quoted}"), columns).ok()?;
    let bare = crate::parse(&format!("{name}:{value}"), columns).is_ok_and(|read| read == meaning);
    Some(if bare { value.to_owned() } else { quoted })
}

/// The conditions on a field that every row fulfils: the value of each, and where it stands.
fn spans(text: &str, name: &str, columns: &[Column]) -> Vec<(Option<String>, std::ops::Range<usize>)> {
    let (Ok(read), Some(wanted)) = (tokens(text), field::find(name, columns)) else { return Vec::new() };
    if top(&read).any(|at| read[at].kind == TokenKind::Or) {
        return Vec::new();
    }
    let joins = |at: Option<usize>| at.and_then(|at| read.get(at)).is_some_and(|token| token.kind == TokenKind::And);
    let is_wanted = |name: &str| field::find(name, columns).is_some_and(|known| known.field == wanted.field);
    let negated = |at: usize| at > 0 && read[at - 1].kind == TokenKind::Not;
    let twice = |at: usize| at > 1 && read[at - 2].kind == TokenKind::Not;
    let mut found = Vec::new();
    for at in top(&read) {
        let TokenKind::Term(name, values) = &read[at].kind else { continue };
        let [value] = values.as_slice() else { continue };
        // Taking it out would leave an AND that joins nothing.
        if joins(at.checked_sub(1)) || (negated(at) && joins(at.checked_sub(2))) || joins(Some(at + 1)) {
            continue;
        }
        let text = &value.text;
        let plain = matches!(value.operator, None | Some(Operator::Equal))
            && match text.form {
                Form::Bare => !text.text.contains(['*', '?']),
                Form::Quoted => true,
                Form::Pattern => false,
            };
        if !plain {
            continue;
        }
        if name.text.eq_ignore_ascii_case("has") {
            if negated(at) && !twice(at) && is_wanted(&text.text) {
                found.push((None, read[at - 1].span.start..read[at].span.end));
            }
        } else if !negated(at) && is_wanted(&name.text) {
            found.push((Some(text.text.clone()), read[at].span.clone()));
        }
    }
    found
}

/// The tokens that stand in no parentheses.
fn top(tokens: &[Token]) -> impl Iterator<Item = usize> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter_map(move |(at, token)| {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{ColumnKind, Filter};
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Vec<Column> {
        vec![Column::new("Status", ColumnKind::Status), Column::new("Node", ColumnKind::Text)]
    }

    fn parsed(text: &str) -> Filter {
        crate::parse(text, &columns()).unwrap()
    }

    #[test]
    fn a_condition_is_joined_to_the_whole_question() {
        let narrowed = |text: &str, value| narrow(text, "node", value, &columns()).unwrap();
        assert_eq!(narrowed("", Some("a")), "node:a");
        assert_eq!(narrowed(" oom ", Some("a")), "oom node:a");
        assert_eq!(narrowed("a OR b", Some("x y")), r#"(a OR b) node:"x y""#);
        assert_eq!(narrowed("(a OR b) c", Some("x*")), r#"(a OR b) c node:"x*""#);
        assert_eq!(narrowed(r#""a OR b""#, None), r#""a OR b" -has:node"#);
        assert_eq!(narrow("wrong:", "node", Some("a"), &columns()), None);
        assert_eq!(narrow("", "node", Some("a\nb"), &columns()), None);
    }

    #[test]
    fn a_condition_is_found_however_it_is_written() {
        let asked = |text: &str, name: &str| conditions(text, name, &columns());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(asked(r#"status:Running x node:"A""#, "state"), [some("Running")]);
        assert_eq!(asked(r#"status:Running x node:"A""#, "node"), [some("A")]);
        assert_eq!(asked("namespace:a", "ns"), [some("a")]);
        assert_eq!(asked("NOT has:node", "node"), [None]);
        for other in [
            "-node:a",
            "node:a,b",
            "node:a*",
            "node:/a/",
            "node:a OR x",
            "(node:a)",
            "has:node",
            "--has:node",
            "x AND node:a",
        ] {
            assert_eq!(asked(other, "node"), [], "{other}");
        }
    }

    #[test]
    fn a_condition_that_is_taken_out_leaves_the_rest_as_it_was() {
        let widened = |text: &str, value| widen(text, "node", value, &columns());
        assert_eq!(widened("a node:X b", Some("x")).as_deref(), Some("a b"));
        assert_eq!(widened("(a OR b) node:x", Some("x")).as_deref(), Some("(a OR b)"));
        assert_eq!(widened("-has:node a", None).as_deref(), Some("a"));
        assert_eq!(widened("node:x", Some("y")), None);
    }

    proptest! {
        #[test]
        fn what_is_put_in_is_found_and_taken_out_again(
            text in prop::sample::select(vec!["", "oom", "a OR b", "ns:x -state:y", "(a OR b) c", "NOT a", "a AND b"]),
            value in prop::option::of(r#"[a-zA-Z0-9*?"/:.,()<>=! äÖ-]{1,8}"#),
        ) {
            let narrowed = narrow(text, "node", value.as_deref(), &columns()).unwrap();
            prop_assert_eq!(conditions(&narrowed, "node", &columns()), vec![value.clone()]);
            let widened = widen(&narrowed, "node", value.as_deref(), &columns()).unwrap();
            prop_assert_eq!(parsed(&widened), parsed(text));
        }

        #[test]
        fn no_question_panics(text in ".{0,30}|[a:()\"/ OR-]{0,20}") {
            let asked = conditions(&text, "node", &columns());
            for value in asked {
                prop_assert!(widen(&text, "node", value.as_deref(), &columns()).is_some());
            }
            let _either = narrow(&text, "node", Some("a"), &columns());
        }
    }
}
