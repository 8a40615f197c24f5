//! Commands in containers, on a real API server and a node that runs them: as the one who asks and nobody else, for as long as
//! that one may, and recorded.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly when a server is not as it should be")]

mod command_line;
mod console;
mod engine;
mod world;
