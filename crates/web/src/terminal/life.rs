//! Whether a page still is there, keeps up with what is printed, and is used.

use std::time::Duration;

use tokio::time::Instant;

/// How much may be under way to a page that has not said yet that it showed it.
pub(super) const WINDOW: usize = 256 << 10;
/// How long a page may leave what it was sent where it is, or be silent.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a terminal may be left alone: with nothing typed and nothing printed.
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);
/// How long before that a person is told.
const WARNING: Duration = Duration::from_secs(60);

/// What is known of a page.
#[derive(Debug)]
pub(super) struct Life {
    under_way: usize,
    heard: Instant,
    taken: Instant,
    busy: Instant,
    warned: bool,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As it should be.
    Fine,
    /// It will be closed soon if nothing happens; told once.
    Warned,
    /// Nothing has happened for too long.
    Idle,
    /// The page does not show what it is sent.
    Stalled,
    /// The page says nothing any more.
    Gone,
}

impl Life {
    pub(super) fn new(now: Instant) -> Self {
        Self { under_way: 0, heard: now, taken: now, busy: now, warned: false }
    }

    /// The page said something, whatever it was.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Somebody typed.
    pub(super) fn typed(&mut self, now: Instant) {
        (self.busy, self.warned) = (now, false);
    }

    /// So many bytes are on their way to the page.
    pub(super) fn printed(&mut self, bytes: usize, now: Instant) {
        if self.under_way == 0 {
            self.taken = now;
        }
        self.under_way = self.under_way.saturating_add(bytes);
        (self.busy, self.warned) = (now, false);
    }

    /// So many of them were shown.
    pub(super) fn taken(&mut self, bytes: usize, now: Instant) {
        self.under_way = self.under_way.saturating_sub(bytes);
        self.taken = now;
    }

    /// Whether more may be sent.
    pub(super) fn takes_more(&self) -> bool {
        self.under_way < WINDOW
    }

    /// How it stands now.
    pub(super) fn standing(&mut self, now: Instant) -> Standing {
        let since = |then: Instant| now.saturating_duration_since(then);
        if since(self.heard) > PATIENCE {
            return Standing::Gone;
        }
        if !self.takes_more() && since(self.taken) > PATIENCE {
            return Standing::Stalled;
        }
        if since(self.busy) > IDLE {
            return Standing::Idle;
        }
        if since(self.busy) > IDLE.saturating_sub(WARNING) && !self.warned {
            self.warned = true;
            return Standing::Warned;
        }
        Standing::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_terminal_that_nobody_uses_is_warned_of_once_and_then_closed() {
        let start = Instant::now();
        let mut life = Life::new(start);
        let mut at = |seconds: u64, typed: bool| {
            let now = start + SECOND * u32::try_from(seconds).unwrap();
            life.heard(now);
            if typed {
                life.typed(now);
            }
            life.standing(now)
        };
        assert_eq!(at(60, false), Standing::Fine);
        assert_eq!(at(1_741, false), Standing::Warned);
        assert_eq!(at(1_756, false), Standing::Fine, "it is told once");
        assert_eq!(at(1_770, true), Standing::Fine, "a key begins it anew");
        assert_eq!(at(1_801, false), Standing::Fine);
        assert_eq!(at(1_770 + 1_741, false), Standing::Warned, "and then it is told again");
        assert_eq!(at(1_770 + 1_801, false), Standing::Idle);
    }

    #[test]
    fn what_is_printed_is_use_too() {
        let start = Instant::now();
        let mut life = Life::new(start);
        let later = start + IDLE;
        life.heard(later);
        life.printed(1, later - SECOND);
        assert_eq!(life.standing(later), Standing::Fine);
    }

    #[test]
    fn a_page_that_does_not_keep_up_gets_no_more_and_is_let_go_when_it_shows_nothing_at_all() {
        let start = Instant::now();
        let mut life = Life::new(start);
        life.printed(WINDOW - 1, start);
        assert!(life.takes_more());
        life.printed(10, start + SECOND);
        assert!(!life.takes_more());
        life.heard(start + SECOND * 61);
        assert_eq!(life.standing(start + SECOND * 61), Standing::Stalled);
        life.taken(5, start + SECOND * 61);
        assert_eq!(life.standing(start + SECOND * 61), Standing::Fine, "it is slow, and there");
        life.taken(usize::MAX, start + SECOND * 62);
        assert!(life.takes_more(), "who says that more was shown than was sent gains nothing");
        life.printed(WINDOW, start + SECOND * 62);
        assert!(!life.takes_more());
    }

    #[test]
    fn a_page_that_says_nothing_is_gone() {
        let start = Instant::now();
        let mut life = Life::new(start);
        life.printed(1, start + SECOND * 60);
        assert_eq!(life.standing(start + SECOND * 60), Standing::Fine);
        assert_eq!(life.standing(start + SECOND * 61), Standing::Gone);
    }
}
