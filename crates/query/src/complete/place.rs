//! Where the cursor stands in a question that is being written: forgiving, since most of what it reads is half a question.

use std::ops::Range;

use crate::token::Operator;

/// Where the cursor stands, and what of it is written already.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// Where a condition begins: in a word that may become a field, an operator or free text.
    Word {
        /// The word, with the colon behind it.
        part: Range<usize>,
        /// Of it, what stands before the cursor.
        typed: String,
        /// Whether a condition stands before it, which an operator could join.
        joins: bool,
    },
    /// In a value of a field.
    Value {
        /// The field's name.
        name: String,
        /// What stands before the value.
        operator: Option<Operator>,
        /// The value, with its quotes.
        part: Range<usize>,
        /// Of it, what stands before the cursor, without quotes.
        typed: String,
        /// The values before it, as they are written.
        before: Vec<String>,
    },
    /// In the key of a label.
    LabelKey {
        /// The key.
        part: Range<usize>,
        /// Of it, what stands before the cursor.
        typed: String,
        /// Whether a value may follow: not after `!`.
        compares: bool,
    },
    /// In a value of a label.
    LabelValue {
        /// The label.
        key: String,
        /// The value.
        part: Range<usize>,
        /// Of it, what stands before the cursor.
        typed: String,
    },
    /// Where nothing can be offered: in free text in quotes, in an expression, in an operator.
    Nowhere,
}

/// The place of `cursor`, which is on a character boundary of `text`.
pub(super) fn find(text: &str, cursor: usize) -> Place {
    Scan { text, cursor, at: 0 }.place()
}

struct Scan<'a> {
    text: &'a str,
    cursor: usize,
    at: usize,
}

/// What ends a word.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()\":".contains(c)
}

/// What ends a value.
fn ends_value(c: char) -> bool {
    c.is_whitespace() || "(),\"".contains(c)
}

fn is_label(c: char) -> bool {
    c.is_alphanumeric() || "-_./".contains(c)
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Where the first character stands, from here on, that ends something.
    fn end(&self, ends: impl Fn(char) -> bool) -> usize {
        self.rest().find(ends).map_or(self.text.len(), |length| self.at + length)
    }

    fn typed(&self, start: usize) -> String {
        self.text[start..self.cursor].to_owned()
    }

    fn place(mut self) -> Place {
        let mut joins = false;
        loop {
            self.at = self.end(|c| !c.is_whitespace());
            let Some(first) = self.peek().filter(|_| self.at < self.cursor) else {
                // What stands right behind the cursor must stay a word of its own.
                let alone = self.text[self.cursor..].chars().next().is_none_or(|c| c.is_whitespace() || c == ')');
                let part = self.cursor..self.cursor;
                return if alone { Place::Word { part, typed: String::new(), joins } } else { Place::Nowhere };
            };
            match first {
                '(' | ')' => {
                    self.at += 1;
                    joins = first == ')';
                }
                '-' => {
                    self.at += 1;
                    joins = false;
                }
                '"' | '/' => {
                    if self.enclosed(first) {
                        return Place::Nowhere;
                    }
                    joins = true;
                }
                _ => match self.word(joins) {
                    Ok(condition) => joins = condition,
                    Err(place) => return place,
                },
            }
        }
    }

    /// Passes a text between quotes or slashes; whether the cursor stands in it.
    fn enclosed(&mut self, sign: char) -> bool {
        let start = self.at;
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == sign => {
                    self.at = start + at + 1;
                    return self.cursor < self.at;
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        true
    }

    /// Passes a word or a term; whether it was a condition. An error is where the cursor stands in it.
    fn word(&mut self, joins: bool) -> Result<bool, Place> {
        let start = self.at;
        self.at = self.end(ends_word);
        let (word, colon) = (&self.text[start..self.at], self.peek() == Some(':'));
        if self.cursor <= self.at {
            let part = start..self.at + usize::from(colon);
            return Err(Place::Word { part, typed: self.typed(start), joins });
        }
        if !colon {
            // Quotes right behind a word are no value of it.
            return Ok(!matches!(word, "AND" | "OR" | "NOT"));
        }
        self.at += 1;
        if ["label", "labels"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            self.selector()?;
        } else {
            self.values(word)?;
        }
        Ok(true)
    }

    fn values(&mut self, name: &str) -> Result<(), Place> {
        let mut before = Vec::new();
        loop {
            let operator = Operator::at_start(self.rest());
            self.at += operator.map_or(0, |(_, length)| length);
            let start = self.at;
            if self.cursor < start {
                return Err(Place::Nowhere);
            }
            let operator = operator.map(|(operator, _)| operator);
            let value = |part, typed, before| Place::Value { name: name.to_owned(), operator, part, typed, before };
            match self.peek() {
                Some('"') => {
                    let within = self.enclosed('"');
                    if within && self.cursor > start {
                        let typed = unescaped(&self.text[start + 1..self.cursor]);
                        // Without a closing quote what comes behind the cursor may be anything.
                        let closed = self.at - start > 1 && self.text[..self.at].ends_with('"');
                        let end = if closed { self.at } else { self.cursor };
                        return Err(value(start..end, typed, before));
                    }
                    if within {
                        return Err(Place::Nowhere);
                    }
                }
                Some('/') => {
                    if self.enclosed('/') {
                        return Err(Place::Nowhere);
                    }
                }
                _ => {
                    self.at = self.end(ends_value);
                    if self.cursor <= self.at {
                        return Err(value(start..self.at, self.typed(start), before));
                    }
                }
            }
            before.push(self.text[start..self.at].to_owned());
            if self.peek() != Some(',') {
                return Ok(());
            }
            self.at += 1;
        }
    }

    /// Passes a label selector, as the reader of questions would: in quotes, in parentheses, or bare with its sets.
    fn selector(&mut self) -> Result<(), Place> {
        let start = self.at;
        let inside = match self.peek() {
            Some('"') => {
                let within = self.enclosed('"');
                if within && self.cursor > start { Some(start + 1) } else { None }
            }
            Some('(') => {
                let closed = self.parenthesis();
                let within = self.cursor > start && (self.cursor < self.at || !closed);
                within.then_some(start + 1)
            }
            _ => {
                self.bare_selector();
                (self.cursor <= self.at).then_some(start)
            }
        };
        match inside {
            Some(start) => Err(self.requirement(start)),
            None if self.cursor <= self.at && self.cursor == start => Err(Place::Nowhere),
            None => Ok(()),
        }
    }

    fn bare_selector(&mut self) {
        loop {
            let start = self.at;
            self.at = self.end(|c| c.is_whitespace() || "()\"".contains(c));
            let word = self.rest().trim_start();
            let set = ["in", "notin"].iter().find_map(|operator| word.strip_prefix(operator));
            let opens = set.is_some_and(|set| set.trim_start().starts_with('('));
            if self.at == start || word.len() == self.rest().len() || !opens {
                return;
            }
            self.at = self.end(|c| c == '(');
            if !self.parenthesis() {
                return;
            }
        }
    }

    /// Passes a parenthesis and all in it; whether it is closed.
    fn parenthesis(&mut self) -> bool {
        let mut depth = 0_usize;
        for (at, c) in self.rest().char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                self.at += at + 1;
                return true;
            }
        }
        self.at = self.text.len();
        false
    }

    /// Where the cursor stands in the selector that begins at `start`.
    fn requirement(&self, start: usize) -> Place {
        let (mut depth, mut begin, mut part) = (0_usize, start, start);
        for (at, c) in self.text[start..self.cursor].char_indices() {
            let next = start + at + c.len_utf8();
            match c {
                '(' => (depth, part) = (depth + 1, next),
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => (begin, part) = (next, next),
                ',' | '=' => part = next,
                _ => {}
            }
        }
        let blank = |at: usize| at + self.text[at..self.cursor].len() - self.text[at..self.cursor].trim_start().len();
        let (begin, part) = (blank(begin), blank(part));
        let written = &self.text[begin..self.cursor];
        let end =
            self.cursor + self.text[self.cursor..].find(|c| !is_label(c)).unwrap_or(self.text.len() - self.cursor);
        let key_end = written.find(|c: char| c.is_whitespace() || "=!(".contains(c) && !written.starts_with(c));
        if let Some(key_end) = key_end.filter(|_| part > begin) {
            let key = written[..key_end].trim_start_matches('!').to_owned();
            return Place::LabelValue { key, part: part..end, typed: self.typed(part) };
        }
        let denies = written.starts_with('!');
        let begin = begin + usize::from(denies);
        let typed = self.typed(begin);
        if typed.chars().all(is_label) {
            Place::LabelKey { part: begin..end, typed, compares: !denies }
        } else {
            Place::Nowhere
        }
    }
}

/// What stands in quotes, without the backslashes.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let escapes = c == '\\' && characters.peek().is_some_and(|next| "\"\\".contains(*next));
        plain.push(if escapes { characters.next().unwrap_or(c) } else { c });
    }
    plain
}
