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
}

/// A question, or of a long one what is around the trouble, and below it carets under the words that are wrong: two lines for
/// a terminal. `span` is in bytes.
pub fn pointer(text: &str, span: &Range<usize>) -> [String; 2] {
    let line: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let width = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
    let begin = width(text.get(..span.start));
    let from = if line.len() > WIDEST { begin.saturating_sub(BEFORE) } else { 0 };
    let to = line.len().min(from + WIDEST);
    let carets = width(text.get(span.clone())).min(to.saturating_sub(begin)).max(1);
    let left_out = |out: bool| if out { "…" } else { "" };
    let shown: String = line[from..to].iter().collect();
    let indent = begin - from + usize::from(from > 0);
    [
        format!("{}{shown}{}", left_out(from > 0), left_out(to < line.len())),
        format!("{}{}", " ".repeat(indent), "^".repeat(carets)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_question_what_is_around_the_trouble_is_shown() {
        assert_eq!(pointer("a\nbcd", &(2..4)), ["a bcd", "  ^^"]);
        let long = format!("{}wrong{}", "é".repeat(1000), "z".repeat(1000));
        let [line, carets] = pointer(&long, &(2000..2005));
        assert_eq!((line.chars().count(), carets.trim_start()), (WIDEST + 2, "^^^^^"));
        let at = carets.chars().take_while(|c| *c == ' ').count();
        assert_eq!(line.chars().skip(at).take(5).collect::<String>(), "wrong");
        let whole = pointer(&long, &(0..long.len()));
        assert!(whole.iter().all(|line| line.chars().count() <= WIDEST + 2), "{whole:?}");
    }
}
