//! The log on standard error: one line for each thing that happened, whatever the words of a cluster hold.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use crate::plain::is_obeyed;

/// The colours that the subscriber writes. Those in the words of others are let through with them: a terminal that obeys
/// them hides nothing.
const COLOURS: [&str; 9] = ["0", "1", "2", "3", "31", "32", "33", "34", "35"];

/// Standard error, where each event is written as one line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneLine {
    /// Whether the subscriber writes colours.
    pub(crate) colours: bool,
}

/// One event on its way.
#[derive(Debug)]
pub(crate) struct Event<W> {
    to: W,
    colours: bool,
}

impl MakeWriter<'_> for OneLine {
    type Writer = Event<io::Stderr>;

    fn make_writer(&self) -> Self::Writer {
        Event { to: io::stderr(), colours: self.colours }
    }
}

impl<W: Write> Write for Event<W> {
    /// Subscribers write an event whole; its line break is its last character.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let mut out = String::with_capacity(text.len());
        for (index, character) in line.char_indices() {
            let colour = self.colours && character == '\u{1b}' && line.get(index..).is_some_and(is_colour);
            if breaks(character) && !colour {
                // As JSON writes it: lines may be JSON.
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            } else {
                out.push(character);
            }
        }
        out.push_str(end);
        self.to.write_all(out.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Whether a text begins with one of the subscriber's colours.
fn is_colour(text: &str) -> bool {
    let code = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')).map(|(code, _)| code);
    code.is_some_and(|code| COLOURS.contains(&code))
}

/// Whether a character makes two lines of one, or shows other words than there are.
fn breaks(character: char) -> bool {
    is_obeyed(character) && character != '\t'
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_happened_is_one_line_whatever_it_says() {
        let hostile = "no\nERROR forged\r\n\u{2028}\u{202e}\u{9b}31m \u{1b}[31mred\u{0}";
        for json in [false, true] {
            let kept = Kept::default();
            let writer = kept.clone();
            let log = tracing_subscriber::fmt()
                .with_writer(move || Event { to: writer.clone(), colours: false })
                .with_ansi(false);
            let tell = || {
                tracing::warn!(error = %hostile, debug = ?hostile, "it says {hostile}");
                tracing::warn!("another");
            };
            match json {
                true => tracing::subscriber::with_default(log.json().flatten_event(true).finish(), tell),
                false => tracing::subscriber::with_default(log.finish(), tell),
            }
            let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.ends_with('\n'));
            assert!(!text.contains(|c: char| breaks(c) && c != '\n'), "{text:?}");
            for line in text.lines().filter(|_| json) {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn colours_are_the_only_thing_that_a_terminal_obeys() {
        let shown = |colours: bool| {
            let mut kept = Vec::new();
            let line = "\u{1b}[31mred\u{1b}[0m \u{1b}[8mhidden \u{1b}[2J\u{1b}]0;title\u{7}\n";
            Event { to: &mut kept, colours }.write_all(line.as_bytes()).unwrap();
            String::from_utf8(kept).unwrap()
        };
        let rest = " \\u001b[8mhidden \\u001b[2J\\u001b]0;title\\u0007\n";
        assert_eq!(shown(true), format!("\u{1b}[31mred\u{1b}[0m{rest}"));
        assert_eq!(shown(false), format!("\\u001b[31mred\\u001b[0m{rest}"));
    }
}
