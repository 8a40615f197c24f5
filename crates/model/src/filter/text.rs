//! How texts are matched: wildcards, and free text over all that a row says.

use crate::filter::Pattern;
use crate::row::{Cell, Row};

/// Whether `pattern`, in which `*` stands for any text and `?` for any character, covers the whole of `text`.
pub fn glob(text: &str, pattern: &str) -> bool {
    if text.is_ascii() && pattern.is_ascii() {
        return covers(text.as_bytes(), pattern.as_bytes(), (b'*', b'?'), |one, other| one == other);
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    covers(&text, &pattern, ('*', '?'), |one, other| one == other)
}

/// The same, ignoring case.
pub(super) fn glob_ignoring_case(text: &str, pattern: &str) -> bool {
    if text.is_ascii() && pattern.is_ascii() {
        return covers(text.as_bytes(), pattern.as_bytes(), (b'*', b'?'), |one, other| one.eq_ignore_ascii_case(other));
    }
    glob(&text.to_lowercase(), &pattern.to_lowercase())
}

fn covers<T: PartialEq>(text: &[T], pattern: &[T], (any, one): (T, T), same: impl Fn(&T, &T) -> bool) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == any {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == one || same(&pattern[p], &text[t])) {
            (t, p) = (t + 1, p + 1);
        } else if let Some((star_p, star_t)) = star {
            // Let the last star swallow one more.
            star = Some((star_p, star_t + 1));
            (t, p) = (star_t + 1, star_p + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == any)
}

/// Whether a row mentions `needle`, which is in lower case.
pub(super) fn mentions(row: &Row, needle: &str) -> bool {
    contains_ignoring_case(&row.name, needle) || texts(row).any(|text| contains_ignoring_case(text, needle))
}

/// Whether `pattern` is found in any text of a row.
pub(super) fn mentions_pattern(row: &Row, pattern: &Pattern) -> bool {
    pattern.finds(&row.name) || texts(row).any(|text| pattern.finds(text))
}

/// The texts of a row, save its name, that free text looks at.
fn texts(row: &Row) -> impl Iterator<Item = &str> {
    let cells = row.cells.iter().filter_map(|cell| match cell {
        Cell::Text(text) => Some(&**text),
        _ => None,
    });
    let status = [&*row.status.word, &*row.status.reason, &*row.status.message];
    let labels = row.labels.iter().flat_map(|(key, value)| [&**key, &**value]);
    let images = row.images.iter().map(|image| &**image);
    row.namespace.as_deref().into_iter().chain(status).chain(cells).chain(images).chain(labels)
}

/// Whether `needle` occurs in a text. It is in lower case already. Letters beyond ASCII compare in lower case where the
/// needle has some.
pub fn contains_ignoring_case(text: &str, needle: &str) -> bool {
    if !needle.is_ascii() {
        return text.to_lowercase().contains(needle);
    }
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let Some(first) = needle.first() else { return true };
    let Some(last_start) = text.len().checked_sub(needle.len()) else { return false };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), &text[..=last_start])
        .any(|at| text[at..at + needle.len()].eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_the_whole_text() {
        assert!(glob("train-0", "train-*"));
        assert!(glob("train-0", "*"));
        assert!(glob("train-0", "t*n-?"));
        assert!(!glob("train-0", "train"));
        assert!(!glob("train-0", "*-1"));
        assert!(glob("", "*"));
        assert!(!glob("", "?"));
    }

    fn globs_naively(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| globs_naively(&text[at..], rest)),
            Some(('?', rest)) => !text.is_empty() && globs_naively(&text[1..], rest),
            Some((c, rest)) => text.first() == Some(c) && globs_naively(&text[1..], rest),
        }
    }

    proptest::proptest! {
        #[test]
        fn globs_as_a_naive_matcher_does(text in "[ab]{0,8}", pattern in "[ab*?]{0,6}") {
            let (chars, wanted): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
            proptest::prop_assert_eq!(glob(&text, &pattern), globs_naively(&chars, &wanted));
        }

        #[test]
        fn free_text_ignores_case(text in "[a-cA-Cä]{0,8}", needle in "[a-cä]{0,3}") {
            proptest::prop_assert_eq!(
                contains_ignoring_case(&text, &needle),
                text.to_lowercase().contains(&needle)
            );
        }
    }
}
