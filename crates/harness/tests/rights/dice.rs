//! Random numbers from a seed that is printed, so that a failure can be seen again.

/// A sequence of random numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        pilothouse_harness::dice::next(&mut self.0)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True in one of so many cases.
    pub(crate) fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Some of these, at least one.
    pub(crate) fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        let mut chosen: Vec<T> = from.iter().filter(|_| self.one_in(3)).cloned().collect();
        if chosen.is_empty() {
            chosen.push(self.pick(from).clone());
        }
        chosen
    }
}
