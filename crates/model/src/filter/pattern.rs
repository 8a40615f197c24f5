//! Regular expressions in questions: in any case, found anywhere in a text, bounded in size and so in time.

use std::ops::Range;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::{Error as SyntaxError, ParserBuilder};

mod required;

/// Longer expressions are refused.
const LONGEST: usize = 1000;
/// Bytes of one compiled expression. The time to search a text is bounded by this and by the length of the text.
const LARGEST: usize = 256 << 10;
/// Bytes that a searching thread keeps of one expression.
const REMEMBERED: usize = 1 << 20;
/// Deeper groups are refused.
const DEEPEST: u32 = 32;

/// A regular expression, or a text with wildcards, that is found anywhere in a text. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    required: Option<Arc<[String]>>,
    is_local: bool,
}

/// A text that is not a regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Where in the expression, in bytes.
    pub span: Range<usize>,
    /// What is wrong with it.
    pub message: String,
}

impl Pattern {
    /// Reads a regular expression; upper and lower case are the same in it, save after `(?-i)`.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let whole = |message: &str| PatternError { span: 0..text.len(), message: message.to_owned() };
        if text.len() > LONGEST {
            return Err(whole("a regular expression has at most 1000 bytes"));
        }
        // Read on its own first: only these errors know their places.
        let mut reader = ParserBuilder::new().nest_limit(DEEPEST).case_insensitive(true).build();
        reader.parse(text).map_err(|error| match error {
            SyntaxError::Parse(error) => of(error.span(), error.kind()),
            SyntaxError::Translate(error) => of(error.span(), error.kind()),
            _ => whole("this is not a regular expression"),
        })?;
        Self::build(text).ok_or_else(|| whole("this regular expression is too large: repeat less in it"))
    }

    /// A text in which `*` stands for any characters and `?` for one.
    pub fn wild(text: &str) -> Result<Self, PatternError> {
        let mut expression = String::from("(?s)");
        for c in text.chars() {
            match c {
                '*' => expression.push_str(".*"),
                '?' => expression.push('.'),
                c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        let whole = || PatternError { span: 0..text.len(), message: "this text is too long".to_owned() };
        if text.len() > LONGEST { Err(whole()) } else { Self::build(&expression).ok_or_else(whole) }
    }

    fn build(expression: &str) -> Option<Self> {
        RegexBuilder::new(expression)
            .case_insensitive(true)
            .nest_limit(DEEPEST)
            .size_limit(LARGEST)
            .dfa_size_limit(REMEMBERED)
            .build()
            .ok()
            .map(|regex| {
                let required = required::parts(expression).map(Into::into);
                Self { regex, required, is_local: required::is_local(expression) }
            })
    }

    /// Texts in lower-case ASCII of which one is in every ASCII text that the pattern is found in, in one case or another:
    /// what has none of them need not be searched. `None` when nothing is known.
    pub fn required(&self) -> Option<&[String]> {
        self.required.as_deref()
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether a match is short, and does not depend on what stands around it: many texts may be searched as one.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Where it is first found in a text, from a place on.
    pub fn find_from(&self, text: &str, from: usize) -> Option<Range<usize>> {
        self.regex.find_at(text, from).map(|found| found.range())
    }

    /// Whether it is found in a text.
    pub fn finds(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

fn of(span: &regex_syntax::ast::Span, kind: &impl ToString) -> PatternError {
    PatternError { span: span.start.offset..span.end.offset, message: kind.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_anywhere_in_any_case() {
        let finds = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().finds(text);
        assert!(finds("oom.?kill", "Container was OOMKilled"));
        assert!(finds(r"^train-.*\d$", "Train-a-7"));
        assert!(!finds(r"^train-.*\d$", "a-train-7"));
        assert!(finds("(?-i)OOM", "OOMKilled"));
        assert!(!finds("(?-i)oom", "OOMKilled"));
        assert!(finds("", "anything"));
    }

    #[test]
    fn wildcards_are_the_only_special_characters_of_a_text() {
        let finds = |pattern: &str, text: &str| Pattern::wild(pattern).unwrap().finds(text);
        assert!(finds("oom*kill", "an OOM, then killed"));
        assert!(finds("a?c", "xABCx"));
        assert!(finds("a*c", "a\nc"));
        assert!(!finds("a.c", "abc"));
        assert!(finds("(a*", "(ab"));
    }

    #[test]
    fn what_is_required_is_told() {
        let required = |pattern: &str| Pattern::new(pattern).unwrap().required().map(<[String]>::to_vec);
        assert_eq!(required("^Train-.*worker"), Some(vec!["train-".to_owned()]));
        assert_eq!(required("OOM|(evict|kill)ed"), Some(vec!["oom".to_owned(), "evict".to_owned(), "kill".to_owned()]));
        assert_eq!(required("[0-9]+"), None);
        assert_eq!(required("a|"), None);
        assert_eq!(Pattern::wild("oom*killed").unwrap().required(), Some(&["killed".to_owned()][..]));
    }

    #[test]
    fn errors_stand_where_they_are_and_size_is_bounded() {
        let error = Pattern::new("ab(c").unwrap_err();
        assert_eq!((error.span.clone(), error.to_string().contains("group")), (2..3, true), "{error}");
        assert_eq!(Pattern::new("a[z-b]").unwrap_err().span, 2..5);
        for large in ["(a{1000}){1000}", "\\w{900}", &"(".repeat(500), &"a".repeat(1001)] {
            assert!(Pattern::new(large).is_err(), "{large}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_spans_are_within(text in r"[ab()\[\]{},0-9*?+|\\^$ä.-]{0,16}") {
            if let Err(error) = Pattern::new(&text) {
                proptest::prop_assert!(text.get(error.span.clone()).is_some(), "{error} at {:?}", error.span);
            }
            Pattern::wild(&text).unwrap();
        }

        #[test]
        fn what_is_found_has_what_is_required(pattern in r"[abK(|)*?+.^$ä-]{0,10}", text in "[abkKäA-]{0,8}") {
            let Ok(regex) = Pattern::new(&pattern) else { return Ok(()) };
            for pattern in [regex, Pattern::wild(&pattern).unwrap()] {
                if let Some(parts) = pattern.required() && text.is_ascii() && pattern.finds(&text) {
                    let text = text.to_ascii_lowercase();
                    proptest::prop_assert!(parts.iter().any(|part| text.contains(&**part)), "{text} has none of {parts:?}");
                }
            }
        }
    }
}
