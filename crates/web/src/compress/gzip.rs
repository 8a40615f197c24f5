//! Text that becomes gzip piece by piece: whoever has a piece can read it without the next one.

use std::cell::RefCell;

use flate2::{Compress, CompressError, Compression, Crc, FlushCompress};

/// As far as gzip looks back.
const WINDOW: usize = 32 << 10;
/// Window of a compressor, as a power of two.
const WINDOW_BITS: u8 = 15;
/// How hard a compressor looks for what it has seen.
const LEVEL: u32 = 6;
/// How every stream begins: gzip with a name and without a time or a system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255];
/// A name of any length up to this: nobody learns from one answer how small its text became.
const NAME: u8 = 64;
/// The last block, which is empty.
const LAST: [u8; 2] = [3, 0];

thread_local! {
    /// The state of a compressor takes a third of a megabyte, and most streams are silent most of the time. So a stream keeps
    /// no more than the text that gzip looks back on, and borrows the compressor of the thread for each piece.
    static COMPRESSOR: RefCell<Compress> =
        RefCell::new(Compress::new_with_window_bits(Compression::new(LEVEL), false, WINDOW_BITS));
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Gzip {
    begun: bool,
    /// The end of what was sent, as it reads.
    past: Vec<u8>,
    sum: Crc,
}

impl Gzip {
    /// The next piece. With all those before it, it can be read to its end.
    pub(super) fn piece(&mut self, text: &[u8]) -> Result<Vec<u8>, CompressError> {
        let mut packed = self.head();
        if !text.is_empty() {
            COMPRESSOR.with_borrow_mut(|compressor| pack(compressor, (&self.past, text), &mut packed))?;
            self.sum.update(text);
            self.remember(text);
        }
        Ok(packed)
    }

    /// What is sent after the last piece.
    pub(super) fn end(mut self) -> Vec<u8> {
        let mut packed = self.head();
        packed.extend(LAST);
        packed.extend(self.sum.sum().to_le_bytes());
        packed.extend(self.sum.amount().to_le_bytes());
        packed
    }

    fn head(&mut self) -> Vec<u8> {
        if std::mem::replace(&mut self.begun, true) {
            return Vec::new();
        }
        let mut head = HEAD.to_vec();
        head.extend(std::iter::repeat_n(b'-', usize::from(rand::random::<u8>() % NAME)));
        // Here the name ends.
        head.push(0);
        head
    }

    fn remember(&mut self, text: &[u8]) {
        let text = &text[text.len().saturating_sub(WINDOW)..];
        let old = (self.past.len() + text.len()).saturating_sub(WINDOW);
        self.past.drain(..old);
        // No more than it takes: a vector that grows by itself doubles.
        if self.past.capacity() < self.past.len() + text.len() {
            self.past.reserve_exact(WINDOW - self.past.len());
        }
        self.past.extend_from_slice(text);
    }
}

/// Adds `text` to `packed`, as it is told to someone who has read `past`, up to a whole byte.
fn pack(compressor: &mut Compress, (past, text): (&[u8], &[u8]), packed: &mut Vec<u8>) -> Result<(), CompressError> {
    compressor.reset();
    if !past.is_empty() {
        compressor.set_dictionary(past)?;
    }
    let mut taken = 0;
    loop {
        packed.reserve(text.len() / 4 + 64);
        compressor.compress_vec(&text[taken..], packed, FlushCompress::Sync)?;
        taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX).min(text.len());
        // Room that is left over tells that nothing is held back.
        if taken == text.len() && packed.len() < packed.capacity() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::tests::Reader;
    use super::*;

    /// Texts that repeat each other, near and far, of all lengths.
    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let words = ["<tr id=\"", "running", "\">", "</td>", "0", "1", "pending"];
        let word = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
        let noise = prop::collection::vec(any::<u8>(), 0..40);
        let short = prop::collection::vec(prop_oneof![4 => word, 1 => noise], 0..60).prop_map(|parts| parts.concat());
        let piece = (short, prop_oneof![9 => 1..4_usize, 1 => 100..2_000_usize]);
        prop::collection::vec(piece.prop_map(|(text, times)| text.repeat(times)), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_piece_can_be_read_when_it_has_arrived(pieces in pieces()) {
            let (mut gzip, mut reader) = (Gzip::default(), Reader::default());
            for piece in &pieces {
                let text = reader.read(&gzip.piece(piece).unwrap());
                prop_assert!(&text == piece, "{} bytes of {}", text.len(), piece.len());
                prop_assert!(gzip.past.len() <= WINDOW && gzip.past.capacity() <= WINDOW);
            }
            prop_assert!(reader.read(&gzip.end()).is_empty());
            prop_assert!(reader.ends_well());
        }
    }

    #[test]
    fn what_was_sent_before_is_not_sent_again_and_other_streams_do_not_mix() {
        let noise: Vec<u8> = (0..8_000).map(|_| rand::random::<u8>()).collect();
        let (mut one, mut other) = (Gzip::default(), Gzip::default());
        for gzip in [&mut one, &mut other] {
            gzip.head();
        }
        let first = one.piece(&noise).unwrap().len();
        assert!(first > 8_000);
        assert_eq!(other.piece(&noise).unwrap().len(), first, "another stream has not sent it yet");
        assert!(one.piece(&noise).unwrap().len() < 200);
        // Further back than gzip looks, it is new again.
        one.piece(&[7; WINDOW]).unwrap();
        assert!(one.piece(&noise).unwrap().len() > 8_000);
    }

    #[test]
    fn the_same_text_has_many_lengths() {
        let lengths: BTreeSet<usize> = (0..200).map(|_| Gzip::default().piece(b"secret").unwrap().len()).collect();
        assert!(lengths.len() > 30, "{lengths:?}");
        let most = lengths.last().unwrap() - lengths.first().unwrap();
        assert!(most < usize::from(NAME), "{lengths:?}");
    }
}
