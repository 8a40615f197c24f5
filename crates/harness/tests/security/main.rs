//! Ways in which others fell, tried on the console's own program with a cluster behind it: secrets and credentials in what
//! it writes, answers meant for somebody else, clients that read slowly or never end.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly when a server is not as it should be")]

mod markers;
mod own;
mod people;
mod raw;
mod slow;
mod world;
