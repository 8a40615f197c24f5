//! What was typed and waits for the command.

use std::collections::VecDeque;

use axum::body::Bytes;
use pilothouse_app::ExecInput;

/// The most of what was typed or pasted that waits.
const MOST: usize = 1 << 20;
/// How much of it goes out at once.
const PIECE: usize = 32 << 10;

/// Bytes without the borders of the messages they came in, so that many small messages weigh no more than one large one; and
/// the last size that the page told, for only that one matters.
#[derive(Debug, Default)]
pub(super) struct Typed {
    bytes: VecDeque<u8>,
    size: Option<(u16, u16)>,
}

/// More was typed than may wait.
#[derive(Debug)]
pub(super) struct TooMuch;

impl Typed {
    /// Somebody typed this.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooMuch> {
        if bytes.len() > MOST - self.bytes.len() {
            return Err(TooMuch);
        }
        self.bytes.extend(bytes);
        Ok(())
    }

    /// The page has this many columns and rows now.
    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.size = Some((columns, rows));
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.size.is_none()
    }

    /// What the command gets next. The size comes first: what is typed after it is typed on a page of that size, and for what was
    /// typed before it makes no difference.
    pub(super) fn pop(&mut self) -> Option<ExecInput> {
        if let Some((columns, rows)) = self.size.take() {
            return Some(ExecInput::Resize { columns, rows });
        }
        let count = self.bytes.len().min(PIECE);
        let piece: Vec<u8> = self.bytes.drain(..count).collect();
        // What somebody pasted once does not take room until the terminal ends.
        self.bytes.shrink_to(PIECE.max(self.bytes.len()));
        (count > 0).then(|| ExecInput::Bytes(Bytes::from(piece)))
    }

    /// Lets go of it all: nobody takes it any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one terminal can make the console keep.
    fn held(typed: &Typed) -> usize {
        typed.bytes.capacity()
    }

    #[test]
    fn a_command_that_takes_nothing_makes_nothing_grow_without_bound() {
        let mut typed = Typed::default();
        for round in 0..=u16::MAX {
            typed.push(b"").unwrap();
            typed.resize(round, 24);
            typed.push(b"").unwrap();
        }
        assert_eq!(held(&typed), 0, "neither empty messages nor sizes take room");
        assert!(
            matches!(typed.pop(), Some(ExecInput::Resize { columns: u16::MAX, rows: 24 })),
            "only the last size waits"
        );
        assert!(typed.is_empty() && typed.pop().is_none(), "nothing is sent for messages that say nothing");

        let mut came = 0;
        while typed.push(b"x").is_ok() {
            came += 1;
            assert!(came <= MOST);
        }
        assert_eq!(came, MOST);
        assert!(held(&typed) <= 2 * MOST, "{}", held(&typed));
        typed.push(b"").unwrap();
    }

    #[test]
    fn all_that_was_typed_comes_out_in_order_and_leaves_no_room_taken() {
        let text: Vec<u8> = (0..MOST).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let mut typed = Typed::default();
        for piece in text.chunks(7_001) {
            typed.push(piece).unwrap();
        }
        assert!(typed.push(b"x").is_err());
        let mut out = Vec::new();
        while let Some(next) = typed.pop() {
            let ExecInput::Bytes(bytes) = next else { panic!("{next:?}") };
            assert!(!bytes.is_empty() && bytes.len() <= PIECE);
            out.extend_from_slice(&bytes);
        }
        assert!(out == text && typed.is_empty());
        assert!(held(&typed) <= 2 * PIECE, "{}", held(&typed));
        typed.push(&text).unwrap();
        typed.clear();
        assert_eq!((held(&typed), typed.is_empty()), (0, true));
    }
}
