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

impl QueryError {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), suggestion: None }
    }

    pub(crate) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// The question and, below it, carets under the words that are wrong: two lines for a terminal.
    pub fn pointer(&self, text: &str) -> String {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
        let indent = width(text.get(..self.span.start));
        let carets = width(text.get(self.span.clone())).max(1);
        format!("{line}\n{}{}", " ".repeat(indent), "^".repeat(carets))
    }
}
