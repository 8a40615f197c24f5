//! Numbers that look random and are the same in every run.

/// A stream of numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream of one thing: `kind` keeps the streams of different things with the same number apart.
    pub(crate) fn new(seed: u64, kind: u64, number: u64) -> Self {
        let mut dice =
            Self(seed ^ kind.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ number.wrapping_mul(0xa076_1d64_78bd_642f));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        pilothouse_harness::dice::next(&mut self.0)
    }

    /// A number below `end`, each as likely.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number below `end`; small ones are much more likely, as some teams are larger than others.
    pub(crate) fn skewed(&mut self, end: u64) -> u64 {
        let wide = end.max(1);
        let share = self.below(1 << 20);
        ((u128::from(wide) * u128::from(share) * u128::from(share)) >> 40) as u64
    }

    /// One of these.
    pub(crate) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// So many letters of this alphabet.
    pub(crate) fn letters(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet[self.below(alphabet.len() as u64) as usize])).collect()
    }

    /// The end of a generated name.
    pub(crate) fn suffix(&mut self) -> String {
        self.letters(b"bcdfghjklmnpqrstvwxz2456789", 5)
    }

    /// A SHA-256 in hexadecimal.
    pub(crate) fn digest(&mut self) -> String {
        self.letters(b"0123456789abcdef", 64)
    }
}
