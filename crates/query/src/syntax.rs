//! Tokens to a tree: `OR` binds less than `AND`, which may be left out, and that less than `NOT` and `-`.

use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use crate::error::QueryError;
use crate::token::{Spanned, Token, TokenKind, Value, tokens};

/// Deeper nesting is refused: nobody writes it, and every later step recurses.
const DEEPEST: usize = 64;

/// What was written, not yet what it means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Syntax {
    And(Vec<Syntax>),
    Or(Vec<Syntax>),
    Not(Box<Syntax>),
    Word(Spanned),
    Term(Spanned, Vec<Value>),
    Labels(Spanned),
}

/// Reads a text; `None` when nothing is in it.
pub(crate) fn read(text: &str) -> Result<Option<Syntax>, QueryError> {
    let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable(), end: text.len()..text.len(), depth: 0 };
    if reader.tokens.peek().is_none() {
        return Ok(None);
    }
    let syntax = reader.any()?;
    match reader.tokens.next() {
        None => Ok(Some(syntax)),
        // `any` stops before nothing else.
        Some(token) => Err(QueryError::new(token.span, "`)` closes nothing; put it in quotes to search for it")),
    }
}

struct Reader {
    tokens: Peekable<IntoIter<Token>>,
    /// The empty place behind the text.
    end: Range<usize>,
    depth: usize,
}

impl Reader {
    fn next_is(&mut self, kind: &TokenKind) -> bool {
        self.tokens.peek().is_some_and(|token| token.kind == *kind)
    }

    fn any(&mut self) -> Result<Syntax, QueryError> {
        let mut parts = vec![self.all()?];
        while self.next_is(&TokenKind::Or) {
            self.tokens.next();
            parts.push(self.all()?);
        }
        Ok(single(parts, Syntax::Or))
    }

    fn all(&mut self) -> Result<Syntax, QueryError> {
        let mut parts = vec![self.one()?];
        loop {
            match self.tokens.peek().map(|token| &token.kind) {
                None | Some(TokenKind::Or | TokenKind::Close) => return Ok(single(parts, Syntax::And)),
                Some(TokenKind::And) => {
                    self.tokens.next();
                }
                Some(_) => {}
            }
            parts.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Syntax, QueryError> {
        let Some(Token { kind, span }) = self.tokens.next() else {
            return Err(QueryError::new(self.end.clone(), "a condition is missing at the end"));
        };
        if self.depth >= DEEPEST {
            return Err(QueryError::new(span, format!("conditions nest at most {DEEPEST} deep")));
        }
        self.depth += 1;
        let syntax = match kind {
            TokenKind::Word(word) => Syntax::Word(word),
            TokenKind::Term(field, values) => Syntax::Term(field, values),
            TokenKind::Labels(selector) => Syntax::Labels(selector),
            TokenKind::Not => Syntax::Not(Box::new(self.one()?)),
            TokenKind::Open if self.next_is(&TokenKind::Close) => {
                return Err(QueryError::new(span, "there is nothing in these parentheses"));
            }
            TokenKind::Open => {
                let syntax = self.any()?;
                if self.tokens.next().is_none() {
                    return Err(QueryError::new(span, "the closing parenthesis is missing"));
                }
                syntax
            }
            TokenKind::And => return Err(lonely(span, "AND")),
            TokenKind::Or => return Err(lonely(span, "OR")),
            TokenKind::Close => return Err(QueryError::new(span, "a condition is missing before `)`")),
        };
        self.depth -= 1;
        Ok(syntax)
    }
}

fn lonely(span: Range<usize>, word: &str) -> QueryError {
    let message = format!("`{word}` needs a condition on both sides; put it in quotes to search for the word");
    QueryError::new(span, message)
}

/// One part stands for itself.
fn single(mut parts: Vec<Syntax>, join: impl FnOnce(Vec<Syntax>) -> Syntax) -> Syntax {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            join(parts)
        }
    }
}
