//! It keeps running: the engine on a real API server while the network, the server and its store do what they do in real
//! life. After each fault every row is what the API server lists; while it lasts, the console says how old its data is.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

mod answers;
mod definitions;
mod large;
mod observer;
mod people;
mod rig;
mod server;
mod watches;
