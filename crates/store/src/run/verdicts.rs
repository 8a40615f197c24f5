//! Answers about texts, once for each distinct text.

use memchr::memmem::Finder;
use pilothouse_model::filter::{Pattern, compare, compare_text, text};
use pilothouse_model::{Comparison, Level, Operand, Timestamp};

use crate::facts::{Facts, cell_shown};
use crate::words::{Bits, LaneSet, Word, Words};

/// What is asked of a text.
#[derive(Clone, Copy)]
pub(crate) enum Judge<'a> {
    Compare(Comparison, &'a Operand),
    Levels(&'a [Level]),
    /// Of the text that stands for a cell.
    Shown(Comparison, &'a Operand, Timestamp),
    /// Any text will do.
    Any,
}

impl Judge<'_> {
    fn holds(self, text: &str) -> bool {
        match self {
            Self::Compare(comparison, operand) => compare_text(text, comparison, operand),
            Self::Levels(levels) => levels.iter().any(|level| level.as_str() == text),
            Self::Shown(comparison, operand, now) => {
                cell_shown(text).is_some_and(|cell| compare(&cell, comparison, operand, now))
            }
            Self::Any => true,
        }
    }
}

/// The answers of a judge by word, each given when it is first asked for.
pub(crate) struct Verdicts<'a> {
    judge: Judge<'a>,
    given: Vec<Verdict>,
    count: usize,
    /// The words of which it may hold, once that is worth knowing.
    possible: Option<Bits>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    No,
    Yes,
}

/// When so many texts were judged one by one, the rest is looked through as a whole first.
const MANY: usize = 2048;

impl<'a> Verdicts<'a> {
    pub(crate) fn new(judge: Judge<'a>) -> Self {
        Self { judge, given: Vec::new(), count: 0, possible: None }
    }

    pub(crate) fn of(&mut self, words: &Words, word: Word) -> bool {
        if self.possible.as_ref().is_some_and(|possible| !possible.has(word)) {
            return false;
        }
        if self.given.is_empty() {
            self.given = vec![Verdict::Open; words.len()];
        }
        let Some(given) = self.given.get(word as usize) else { return false };
        match given {
            Verdict::Yes => true,
            Verdict::No => false,
            Verdict::Open => self.judge(words, word),
        }
    }

    fn judge(&mut self, words: &Words, word: Word) -> bool {
        self.count += 1;
        if self.count == MANY
            && let Judge::Compare(Comparison::Equal, operand) = self.judge
            && let Some(parts) = required(operand)
        {
            self.possible = Some(candidates(words, &parts));
            return self.of(words, word);
        }
        let holds = self.judge.holds(&words.text(word));
        self.given[word as usize] = if holds { Verdict::Yes } else { Verdict::No };
        holds
    }
}

/// The texts that a free text or pattern occurs in, and the labels with such a text.
pub(crate) struct Hits {
    pub(crate) words: Bits,
    /// The lanes that may have such a text.
    pub(crate) lanes: LaneSet,
    pub(crate) pairs: Bits,
}

impl Hits {
    pub(crate) fn of_text(facts: &Facts, needle: &str) -> Self {
        let words = &facts.words;
        let plain = needle.is_ascii() && !needle.is_empty() && !needle.bytes().any(|byte| byte.is_ascii_uppercase());
        let found = if plain {
            let mut found = Bits::new(words.len());
            look_through(words, needle, &mut found);
            found
        } else {
            // An ASCII text holds no other letters.
            let possible = |text: &str| needle.is_ascii() || !text.is_ascii();
            all(words, |text| possible(text) && text::contains_ignoring_case(text, needle))
        };
        Self::with_pairs(facts, found)
    }

    pub(crate) fn of_pattern(facts: &Facts, pattern: &Pattern) -> Self {
        let words = &facts.words;
        let found = match pattern.required() {
            Some(parts) => {
                let candidates = candidates(words, parts);
                let mut found = Bits::new(words.len());
                let likely = (0..words.len() as Word).filter(|word| candidates.has(*word));
                likely.filter(|word| pattern.finds(&words.text(*word))).for_each(|word| found.add(word));
                found
            }
            None if pattern.is_local() => {
                let mut found = Bits::new(words.len());
                look_through_for(words, pattern, &mut found);
                found
            }
            None => all(words, |text| pattern.finds(text)),
        };
        Self::with_pairs(facts, found)
    }

    fn with_pairs(facts: &Facts, words: Bits) -> Self {
        let mut pairs = Bits::new(facts.pairs.len());
        if words.any {
            for (pair, (key, value)) in facts.pairs.iter().enumerate() {
                if words.has(key) || words.has(value) {
                    pairs.add(pair as u32);
                }
            }
        }
        Self { lanes: facts.words.lanes(&words), words, pairs }
    }
}

fn all(words: &Words, holds: impl Fn(&str) -> bool) -> Bits {
    let mut found = Bits::new(words.len());
    (0..words.len() as Word).filter(|word| holds(&words.text(*word))).for_each(|word| found.add(word));
    found
}

/// The words whose text has any of these in it (in lower case), and all that are not ASCII: beyond it letters have more
/// than two cases.
fn candidates(words: &Words, parts: &[String]) -> Bits {
    let mut found = Bits::new(words.len());
    for part in parts {
        look_through(words, part, &mut found);
    }
    for (first, page) in words.pages().filter(|(_, page)| !page.is_ascii()) {
        for word in (first..).take(page.ends().len()) {
            if !words.text(word).is_ascii() {
                found.add(word);
            }
        }
    }
    found
}

/// Adds the words whose text has `needle` in it: ASCII in lower case, not empty.
fn look_through(words: &Words, needle: &str, found: &mut Bits) {
    let finder = Finder::new(needle);
    for (first, page) in words.pages() {
        let (texts, ends) = (page.lower().as_bytes(), page.ends());
        let (mut from, mut index) = (0, 0);
        while let Some(at) = texts.get(from..).and_then(|rest| finder.find(rest)) {
            let at = from + at;
            while ends.get(index).is_some_and(|end| *end as usize <= at) {
                index += 1;
            }
            let Some(end) = ends.get(index) else { break };
            let end = *end as usize;
            // A text may hold what stands between texts.
            if at + needle.len() < end {
                found.add(first + index as Word);
                from = end;
            } else {
                from = at + 1;
            }
        }
    }
}

/// Adds the words in whose text a local pattern is found.
fn look_through_for(words: &Words, pattern: &Pattern, found: &mut Bits) {
    for (first, page) in words.pages() {
        let (texts, ends) = (page.exact(), page.ends());
        let (mut from, mut index) = (0, 0);
        while let Some(at) = pattern.find_from(&texts, from) {
            while ends.get(index).is_some_and(|end| *end as usize <= at.start) {
                index += 1;
            }
            let Some(end) = ends.get(index) else { break };
            let (end, word) = (*end as usize, first + index as Word);
            // What reaches into the next text may hide what is found in this one.
            if at.end < end || pattern.finds(&words.text(word)) {
                found.add(word);
            }
            from = end;
        }
    }
}

/// Texts in lower-case ASCII, of which one is in every ASCII text that is equal; `None` when nothing is known.
fn required(operand: &Operand) -> Option<Vec<String>> {
    match operand {
        Operand::Pattern(pattern) => pattern.required().map(<[String]>::to_vec),
        Operand::Text(glob) => {
            let parts = glob.split(|c: char| matches!(c, '*' | '?') || !c.is_ascii());
            let longest = parts.max_by_key(|part| part.len()).filter(|part| !part.is_empty())?;
            Some(vec![longest.to_ascii_lowercase()])
        }
        _ => None,
    }
}
