//! Text to tokens. A term's field and value are one unit here: what a space, a comma or a parenthesis means depends on
//! whether one stands in a value, in a label selector or between terms.

use std::fmt;
use std::ops::Range;

use pilothouse_model::filter::Pattern;

use crate::error::QueryError;

/// Longer questions are refused before any work is done.
const LONGEST: usize = 16 << 10;
/// More regular expressions are refused: each takes its memory and its time.
const MOST_PATTERNS: usize = 16;

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spanned {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
    pub(crate) form: Form,
}

/// How a text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Bare,
    /// In quotes: nothing in it is special.
    Quoted,
    /// Between slashes: a regular expression. The span is that of what stands between them.
    Pattern,
}

impl Spanned {
    pub(crate) fn is_quoted(&self) -> bool {
        self.form == Form::Quoted
    }

    pub(crate) fn is_pattern(&self) -> bool {
        self.form == Form::Pattern
    }
}

/// One token with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Open,
    Close,
    And,
    Or,
    /// `NOT`, or a `-` before a term.
    Not,
    /// Free text.
    Word(Spanned),
    /// `field:value,value`.
    Term(Spanned, Vec<Value>),
    /// `label:selector`.
    Labels(Spanned),
}

/// One value of a term.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) operator: Option<Operator>,
    pub(crate) text: Spanned,
    /// The operator and the text.
    pub(crate) span: Range<usize>,
}

/// What stands before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    /// The longer ones first.
    const ALL: [(&'static str, Self); 5] =
        [(">=", Self::AtLeast), ("<=", Self::AtMost), (">", Self::Greater), ("<", Self::Less), ("=", Self::Equal)];

    /// The operator that a text begins with, and its length.
    pub(crate) fn at_start(text: &str) -> Option<(Self, usize)> {
        Self::ALL.into_iter().find(|(sign, _)| text.starts_with(sign)).map(|(sign, operator)| (operator, sign.len()))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Self::ALL.iter().find(|(_, operator)| operator == self).map_or("", |(sign, _)| sign);
        f.write_str(sign)
    }
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    if text.len() > LONGEST {
        let boundary = text.floor_char_boundary(LONGEST);
        return Err(QueryError::new(boundary..text.len(), format!("a question has at most {LONGEST} bytes")));
    }
    let mut cursor = Cursor { text, at: 0, patterns: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = cursor.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Regular expressions so far.
    patterns: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes characters as long as they please.
    fn take(&mut self, pleases: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !pleases(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn take_if(&mut self, c: char) -> bool {
        let is = self.peek() == Some(c);
        self.at += if is { c.len_utf8() } else { 0 };
        is
    }

    fn token(&mut self) -> Result<Option<Token>, QueryError> {
        self.take(char::is_whitespace);
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let negates = first == '-' && self.rest()[1..].starts_with(|c: char| !c.is_whitespace() && c != ')');
        let kind = match first {
            '(' | ')' => {
                self.at += 1;
                if first == '(' { TokenKind::Open } else { TokenKind::Close }
            }
            '-' if negates => {
                self.at += 1;
                TokenKind::Not
            }
            '"' => TokenKind::Word(self.quoted()?),
            '/' => {
                let pattern = self.pattern()?;
                if let Some(c) = self.peek().filter(|c| !c.is_whitespace() && *c != ')') {
                    return Err(self.after_pattern(start, c));
                }
                TokenKind::Word(pattern)
            }
            _ => self.word_or_term()?,
        };
        Ok(Some(Token { kind, span: start..self.at }))
    }

    fn word_or_term(&mut self) -> Result<TokenKind, QueryError> {
        let start = self.at;
        let word = self.take(|c| !c.is_whitespace() && !"()\":".contains(c));
        if !self.take_if(':') {
            return Ok(match word {
                "AND" => TokenKind::And,
                "OR" => TokenKind::Or,
                "NOT" => TokenKind::Not,
                _ => TokenKind::Word(self.bare(start)),
            });
        }
        let field = Spanned { text: word.to_owned(), span: start..start + word.len(), form: Form::Bare };
        if word.is_empty() {
            return Err(QueryError::new(
                start..self.at,
                "a field name is missing before `:`; put text with a colon in quotes",
            ));
        }
        if ["label", "labels"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            return Ok(TokenKind::Labels(self.selector(&field)?));
        }
        let mut values = vec![self.value(&field)?];
        while self.take_if(',') {
            values.push(self.value(&field)?);
        }
        let last = values.last().filter(|value| value.text.is_pattern()).map(|value| value.span.start);
        if let (Some(start), Some(c)) = (last, self.peek().filter(|c| !c.is_whitespace() && *c != ')')) {
            return Err(self.after_pattern(start, c));
        }
        if let Some(c) = self.peek().filter(|c| !c.is_whitespace() && *c != ')') {
            let hint = if c == '(' {
                "put a value with parentheses in quotes"
            } else {
                "put a space or a comma between values"
            };
            return Err(QueryError::new(
                self.at..self.at + c.len_utf8(),
                format!("`{c}` cannot follow a value here; {hint}"),
            ));
        }
        Ok(TokenKind::Term(field, values))
    }

    /// What was taken since `start`.
    fn bare(&self, start: usize) -> Spanned {
        Spanned { text: self.text[start..self.at].to_owned(), span: start..self.at, form: Form::Bare }
    }

    fn value(&mut self, field: &Spanned) -> Result<Value, QueryError> {
        let start = self.at;
        let operator = Operator::at_start(self.rest());
        self.at += operator.map_or(0, |(_, length)| length);
        let text = match self.peek() {
            Some('"') => self.quoted()?,
            // Two slashes are those of an address.
            Some('/') if !self.rest().starts_with("//") => self.pattern()?,
            _ => {
                let start = self.at;
                self.take(|c| !c.is_whitespace() && !"(),\"".contains(c));
                self.bare(start)
            }
        };
        if text.text.is_empty() && text.form == Form::Bare {
            let span = if start == self.at { field.span.start..self.at } else { start..self.at };
            return Err(QueryError::new(
                span,
                format!("a value is missing after `{}`", &self.text[field.span.start..self.at]),
            ));
        }
        Ok(Value { operator: operator.map(|(operator, _)| operator), text, span: start..self.at })
    }

    /// A text in quotes, in which `\"` and `\\` stand for `"` and `\`.
    fn quoted(&mut self) -> Result<Spanned, QueryError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.take(|c| c != '"' && c != '\\'));
            match self.peek() {
                None => return Err(QueryError::new(start..self.at, "the closing quote is missing")),
                Some('"') => break,
                Some(_) => {
                    self.at += 1;
                    match self.peek().filter(|c| "\"\\".contains(*c)) {
                        Some(escaped) => {
                            self.at += 1;
                            text.push(escaped);
                        }
                        // A backslash before anything else is a backslash.
                        None => text.push('\\'),
                    }
                }
            }
        }
        self.at += 1;
        Ok(Spanned { text, span: start..self.at, form: Form::Quoted })
    }

    /// A regular expression between slashes, in which `\/` stands for a slash.
    fn pattern(&mut self) -> Result<Spanned, QueryError> {
        let start = self.at;
        self.at += 1;
        let inside = self.at;
        loop {
            self.take(|c| c != '/' && c != '\\');
            match self.peek() {
                None => {
                    let message = "the closing slash of the regular expression is missing; \
                                   text that begins with a slash goes in quotes";
                    return Err(QueryError::new(start..self.text.len(), message).suggest(closed(&self.text[start..])));
                }
                Some('/') => break,
                Some(_) => {
                    self.at += 1;
                    self.at += self.peek().map_or(0, char::len_utf8);
                }
            }
        }
        let span = inside..self.at;
        if span.is_empty() {
            return Err(QueryError::new(start..self.at + 1, "there is nothing between these slashes"));
        }
        self.at += 1;
        self.patterns += 1;
        if self.patterns > MOST_PATTERNS {
            let message = format!("a question has at most {MOST_PATTERNS} regular expressions");
            return Err(QueryError::new(start..self.at, message));
        }
        Ok(Spanned { text: self.text[span.clone()].to_owned(), span, form: Form::Pattern })
    }

    /// The error for what stands behind the closing slash of an expression that begins at `start`.
    fn after_pattern(&mut self, start: usize, c: char) -> QueryError {
        let span = self.at..self.at + c.len_utf8();
        self.take(|c| !c.is_whitespace() && !"()".contains(c));
        let whole = &self.text[start..self.at];
        let message = format!(
            "`{c}` cannot follow a regular expression; write `\\/` for a slash in it, and put text that begins with a slash \
             in quotes, as in `\"{}\"`",
            whole.replace('"', "\\\"")
        );
        QueryError::new(span, message)
    }

    /// The selector after `label:`: in quotes, in parentheses, or bare. The span is that of the selector alone.
    fn selector(&mut self, field: &Spanned) -> Result<Spanned, QueryError> {
        let start = self.at;
        match self.peek() {
            Some('"') => return self.quoted(),
            Some('(') => {
                self.parenthesis()?;
                let inside = start + 1..self.at - 1;
                return Ok(Spanned { text: self.text[inside.clone()].to_owned(), span: inside, form: Form::Bare });
            }
            _ => {}
        }
        loop {
            self.take(|c| !c.is_whitespace() && !"()\"".contains(c));
            // `label:env in (a,b),app=x`
            if self.at == start || !self.set_follows() {
                break;
            }
            self.take(|c| c != '(');
            self.parenthesis()?;
        }
        if self.at == start {
            return Err(QueryError::new(field.span.start..self.at, "a label selector is missing after `label:`"));
        }
        Ok(self.bare(start))
    }

    /// Whether ` in (` or ` notin (` comes next.
    fn set_follows(&self) -> bool {
        let rest = self.rest();
        let word = rest.trim_start();
        word.len() < rest.len()
            && ["in", "notin"]
                .iter()
                .any(|operator| word.strip_prefix(operator).is_some_and(|set| set.trim_start().starts_with('(')))
    }

    /// Takes a parenthesis and all in it.
    fn parenthesis(&mut self) -> Result<(), QueryError> {
        let start = self.at;
        let mut depth = 0_usize;
        for (at, c) in self.rest().char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = start + at + 1;
                return Ok(());
            }
        }
        self.at = self.text.len();
        Err(QueryError::new(start..start + 1, "the closing parenthesis is missing"))
    }
}

/// The expression with its closing slash, where it is clear what belongs to it and is one.
fn closed(text: &str) -> Option<String> {
    let clear = !text.contains(|c: char| c.is_whitespace() || "()".contains(c));
    let inside = text.strip_prefix('/').filter(|inside| clear && !inside.is_empty())?;
    // A backslash at the end would keep the slash from closing, and is no expression.
    Pattern::new(inside).is_ok().then(|| format!("{text}/"))
}
