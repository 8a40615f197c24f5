//! Every distinct text of a table once, as a number: what is compared, sorted and searched is the number or, once a
//! question, the text behind it.

mod page;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::chunks::Sorted;
use page::TEXTS;
pub(crate) use page::{LaneSet, Page};

/// The number of a text.
pub(crate) type Word = u32;

/// The texts by number, and in order. Clones share all pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pages: Arc<Vec<Arc<Page>>>,
    in_order: Arc<Sorted<Word>>,
}

impl Words {
    /// One more than the greatest number.
    pub(crate) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * TEXTS + last.count)
    }

    /// The text itself. Where it is only compared, [`Words::order`] and [`Words::is`] need no memory.
    pub(crate) fn text(&self, word: Word) -> Cow<'_, str> {
        let word = word as usize;
        self.pages.get(word / TEXTS).map_or(Cow::Borrowed(""), |page| page.text(word % TEXTS))
    }

    /// How a text orders against another one.
    pub(crate) fn order(&self, word: Word, text: &str) -> Ordering {
        let word = word as usize;
        self.pages.get(word / TEXTS).map_or(Ordering::Less, |page| page.order(word % TEXTS, text.as_bytes()))
    }

    /// Whether a text is this one.
    pub(crate) fn is(&self, word: Word, text: &str) -> bool {
        self.order(word, text).is_eq()
    }

    /// The pages, each with the number of its first text.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (Word, &Page)> {
        self.pages.iter().enumerate().map(|(index, page)| ((index * TEXTS) as Word, &**page))
    }

    /// Every word, in the order of the texts.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Word> {
        self.in_order.iter().copied()
    }

    /// How many texts come before this one, and its word, if it is known.
    pub(crate) fn place(&self, text: &str) -> (usize, Option<Word>) {
        let place = self.in_order.find(|word| self.order(*word, text).is_lt());
        let found = self.in_order.get(place).copied().filter(|word| self.is(*word, text));
        (self.in_order.position(place), found)
    }

    /// Tells that a lane has this text.
    pub(crate) fn add_lane(&mut self, word: Word, lane: usize) {
        let (page, index) = (word as usize / TEXTS, word as usize % TEXTS);
        let known = self.pages.get(page).and_then(|page| page.lanes.get(index));
        if known.is_some_and(|known| !known.may_have(lane)) {
            let page = &mut Arc::make_mut(&mut self.pages)[page];
            let lanes = &mut Arc::make_mut(page).lanes[index];
            *lanes = lanes.or(LaneSet::one(lane));
        }
    }

    /// The lanes that have any of these texts, or others.
    pub(crate) fn lanes(&self, words: &Bits) -> LaneSet {
        let pages = words.bits.chunks(TEXTS / 64).zip(self.pages.iter());
        pages.filter(|(bits, _)| bits.iter().any(|bits| *bits != 0)).fold(LaneSet::default(), |lanes, (bits, page)| {
            let has = |at: usize| bits.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 != 0);
            let of_page = page.lanes.iter().enumerate().filter(|(at, _)| has(*at));
            of_page.fold(lanes, |lanes, (_, lane)| lanes.or(*lane))
        })
    }

    fn set(&mut self, word: Word, text: &str) {
        let word = word as usize;
        let pages = Arc::make_mut(&mut self.pages);
        if word / TEXTS >= pages.len() {
            pages.push(Arc::default());
        }
        if let Some(page) = pages.get_mut(word / TEXTS) {
            Arc::make_mut(page).set(word % TEXTS, text);
        }
    }
}

/// A set of words, or of pairs.
#[derive(Clone, Default)]
pub(crate) struct Bits {
    bits: Vec<u64>,
    pub(crate) any: bool,
}

impl Bits {
    pub(crate) fn new(size: usize) -> Self {
        Self { bits: vec![0; size.div_ceil(64)], any: false }
    }

    pub(crate) fn add(&mut self, number: u32) {
        if let Some(bits) = self.bits.get_mut(number as usize / 64) {
            *bits |= 1 << (number % 64);
            self.any = true;
        }
    }

    #[inline]
    pub(crate) fn has(&self, number: u32) -> bool {
        self.bits.get(number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 != 0)
    }

    /// Whether any is in it from `first` to `last`, or next to them.
    pub(crate) fn has_between(&self, first: u32, last: u32) -> bool {
        let blocks = self.bits.get(first as usize / 64..).unwrap_or_default();
        blocks.iter().take((last / 64 - first / 64) as usize + 1).any(|bits| *bits != 0)
    }
}

type PairPage = Vec<(Word, Word)>;

/// Pairs of words, by number: a label's key and its value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    pages: Arc<Vec<Arc<PairPage>>>,
}

impl Pairs {
    pub(crate) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * TEXTS + last.len())
    }

    pub(crate) fn get(&self, pair: u32) -> (Word, Word) {
        let pair = pair as usize;
        self.pages.get(pair / TEXTS).and_then(|page| page.get(pair % TEXTS)).copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Word, Word)> {
        self.pages.iter().flat_map(|page| page.iter().copied())
    }

    fn set(&mut self, pair: u32, words: (Word, Word)) {
        let pair = pair as usize;
        let pages = Arc::make_mut(&mut self.pages);
        if pair / TEXTS >= pages.len() {
            pages.push(Arc::default());
        }
        if let Some(page) = pages.get_mut(pair / TEXTS) {
            let page = Arc::make_mut(page);
            match page.get_mut(pair % TEXTS) {
                Some(place) => *place = words,
                None => page.push(words),
            }
        }
    }
}

/// Which numbers are in use, and how often: the writer's side alone.
#[derive(Debug, Default)]
struct Register {
    known: HashTable<u32>,
    uses: Vec<u32>,
    free: Vec<u32>,
}

impl Register {
    /// A number that is not in use, used once from now on.
    fn take(&mut self) -> u32 {
        let number = self.free.pop().unwrap_or(self.uses.len() as u32);
        match self.uses.get_mut(number as usize) {
            Some(uses) => *uses = 1,
            None => self.uses.push(1),
        }
        number
    }

    fn again(&mut self, number: u32) {
        self.uses[number as usize] += 1;
    }

    /// One use less; whether it was the last.
    fn release(&mut self, number: u32) -> bool {
        let Some(uses) = self.uses.get_mut(number as usize) else { return false };
        *uses = uses.saturating_sub(1);
        *uses == 0
    }
}

/// Gives numbers to texts and to pairs of them, and takes them back when the last row that used them goes.
#[derive(Debug, Default)]
pub(crate) struct Clerk {
    words: Register,
    pairs: Register,
}

impl Clerk {
    /// The number of a text, used once more.
    pub(crate) fn word(&mut self, words: &mut Words, text: &str) -> Word {
        let hash = hash(text);
        if let Some(known) = self.words.known.find(hash, |word| words.is(*word, text)) {
            let known = *known;
            self.words.again(known);
            return known;
        }
        let word = self.words.take();
        let place = words.in_order.find(|other| words.order(*other, text).is_lt());
        words.set(word, text);
        Arc::make_mut(&mut words.in_order).insert(place, word);
        self.words.known.insert_unique(hash, word, |word| self::hash(&*words.text(*word)));
        word
    }

    /// The number of a pair, used once more.
    pub(crate) fn pair(&mut self, (words, pairs): (&mut Words, &mut Pairs), key: &str, value: &str) -> u32 {
        let both = (self.word(words, key), self.word(words, value));
        let hash = hash(both);
        if let Some(known) = self.pairs.known.find(hash, |pair| pairs.get(*pair) == both) {
            let known = *known;
            self.pairs.again(known);
            // The pair itself uses its words once.
            self.release_word(words, both.0);
            self.release_word(words, both.1);
            return known;
        }
        let pair = self.pairs.take();
        pairs.set(pair, both);
        self.pairs.known.insert_unique(hash, pair, |pair| self::hash(pairs.get(*pair)));
        pair
    }

    pub(crate) fn release_word(&mut self, words: &mut Words, word: Word) {
        if !self.words.release(word) {
            return;
        }
        let text = words.text(word);
        if let Ok(entry) = self.words.known.find_entry(hash(&*text), |other| *other == word) {
            entry.remove();
        }
        let place = words.in_order.find(|other| words.order(*other, &text).is_lt());
        drop(text);
        Arc::make_mut(&mut words.in_order).remove(place);
        words.set(word, "");
        self.words.free.push(word);
    }

    pub(crate) fn release_pair(&mut self, (words, pairs): (&mut Words, &mut Pairs), pair: u32) {
        if !self.pairs.release(pair) {
            return;
        }
        let both = pairs.get(pair);
        if let Ok(entry) = self.pairs.known.find_entry(hash(both), |other| *other == pair) {
            entry.remove();
        }
        self.release_word(words, both.0);
        self.release_word(words, both.1);
        self.pairs.free.push(pair);
    }
}

fn hash(key: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_texts_in_use_in_order(ops in prop::collection::vec((any::<bool>(), "[abAé]{0,2}|[a-z]{3}"), 0..800)) {
            let (mut words, mut clerk) = (Words::default(), Clerk::default());
            let mut oracle: BTreeMap<String, (Word, u32)> = BTreeMap::new();
            let mut kept = None;
            for (number, (add, text)) in ops.into_iter().enumerate() {
                if number == 300 {
                    kept = Some((words.clone(), oracle.clone()));
                }
                if add {
                    let word = clerk.word(&mut words, &text);
                    let known = oracle.entry(text).or_insert((word, 0));
                    prop_assert_eq!(known.0, word);
                    known.1 += 1;
                } else if let Some((word, uses)) = oracle.get_mut(&text) {
                    clerk.release_word(&mut words, *word);
                    *uses -= 1;
                    if *uses == 0 {
                        oracle.remove(&text);
                    }
                }
            }
            // A clone taken on the way is untouched by later writes.
            for (words, oracle) in kept.into_iter().chain([(words, oracle)]) {
                prop_assert!(words.in_order().eq(oracle.values().map(|(word, _)| *word)));
                for (position, (text, (word, _))) in oracle.iter().enumerate() {
                    prop_assert_eq!(&*words.text(*word), text);
                    prop_assert!(words.is(*word, text));
                    prop_assert_eq!(words.order(*word, text).is_eq(), words.is(*word, text));
                    prop_assert_eq!(words.place(text), (position, Some(*word)));
                }
                for (_, page) in words.pages() {
                    prop_assert_eq!(page.exact().to_ascii_lowercase(), page.lower());
                }
            }
        }
    }
}
