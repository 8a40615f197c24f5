//! What is wrong with a question, where, and what was probably meant.

use std::ops::Range;

/// A question that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .suggestion.as_ref().map(|suggestion| format!("; did you mean `{suggestion}`?")).unwrap_or_default())]
pub struct QueryError {
    /// Where in the text, in bytes; on character boundaries.
    pub span: Range<usize>,
    /// What is wrong, in words that name the word.
    pub message: String,
    /// What to write in place of the span.
    pub suggestion: Option<String>,
}

/// The most characters of a question that are shown where it cannot be read...
const WIDEST: usize = 160;
/// ...and as many of them before the trouble.
const BEFORE: usize = 60;

impl QueryError {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), suggestion: None }
    }

    pub(crate) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// The question, or of a long one what is around the trouble, and below it, carets under the words that are wrong: two
    /// lines for a terminal.
    pub fn pointer(&self, text: &str) -> String {
        let line: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
        let begin = width(text.get(..self.span.start));
        let from = if line.len() > WIDEST { begin.saturating_sub(BEFORE) } else { 0 };
        let to = line.len().min(from + WIDEST);
        let carets = width(text.get(self.span.clone())).min(to.saturating_sub(begin)).max(1);
        let left_out = |out: bool| if out { "…" } else { "" };
        let shown: String = line[from..to].iter().collect();
        let indent = begin - from + usize::from(from > 0);
        format!(
            "{}{shown}{}\n{}{}",
            left_out(from > 0),
            left_out(to < line.len()),
            " ".repeat(indent),
            "^".repeat(carets)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_question_what_is_around_the_trouble_is_shown() {
        let error = |span: Range<usize>| QueryError { span, message: String::new(), suggestion: None };
        assert_eq!(error(2..4).pointer("a\nbcd"), "a bcd\n  ^^");
        let long = format!("{}wrong{}", "é".repeat(1000), "z".repeat(1000));
        let shown = error(2000..2005).pointer(&long);
        let (line, carets) = shown.split_once('\n').unwrap();
        assert_eq!((line.chars().count(), carets.trim_start()), (WIDEST + 2, "^^^^^"));
        let at = carets.chars().take_while(|c| *c == ' ').count();
        assert_eq!(line.chars().skip(at).take(5).collect::<String>(), "wrong");
        let whole = error(0..long.len()).pointer(&long);
        assert!(whole.chars().count() <= 2 * WIDEST + 3, "{whole}");
    }
}
