//! What a text must have in it for a pattern to be found: looking for a plain text is many times faster.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// More alternatives are no help.
const MOST: usize = 16;

/// Texts in lower-case ASCII, one of which is in every ASCII text that is matched in any case.
pub(super) fn parts(expression: &str) -> Option<Vec<String>> {
    // As it stands, not as it ignores case: letters stay letters. ASCII texts have no letters with more than two cases.
    let hir = ParserBuilder::new().nest_limit(super::DEEPEST).build().parse(expression).ok()?;
    of(&hir)
}

/// Bytes of the longest match of a local pattern.
const SHORT: usize = 64;

/// Whether no match is long or depends on what stands around it.
pub(super) fn is_local(expression: &str) -> bool {
    let parsed = ParserBuilder::new().nest_limit(super::DEEPEST).case_insensitive(true).build().parse(expression);
    parsed.is_ok_and(|hir| {
        let properties = hir.properties();
        properties.look_set().is_empty() && properties.maximum_len().is_some_and(|longest| longest <= SHORT)
    })
}

fn of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let runs = literal.0.split(|byte| !byte.is_ascii());
            let longest = runs.max_by_key(|run| run.len()).filter(|run| !run.is_empty())?;
            Some(vec![std::str::from_utf8(longest).ok()?.to_ascii_lowercase()])
        }
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(of)
            .reduce(|best, other| if shortest(&other) > shortest(&best) { other } else { best }),
        HirKind::Alternation(alternatives) => {
            let parts: Vec<Vec<String>> = alternatives.iter().map(of).collect::<Option<_>>()?;
            Some(parts.concat()).filter(|parts| parts.len() <= MOST)
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

fn shortest(parts: &[String]) -> usize {
    parts.iter().map(String::len).min().unwrap_or(0)
}
