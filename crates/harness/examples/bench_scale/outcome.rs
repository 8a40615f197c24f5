//! Errors of the program: a sentence is enough, as nobody reacts to them but the reader.

/// What a step gives.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
