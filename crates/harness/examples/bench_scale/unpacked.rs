//! Answers as browsers ask for them: compressed on the wire, read as they arrive.

use std::io::Write;

use flate2::write::GzDecoder;
use reqwest::header::CONTENT_ENCODING;

use crate::outcome::Outcome;

/// The codings that browsers say they read.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// The text of an answer.
pub(crate) enum Unpacked {
    /// It comes as it reads.
    Plain,
    /// It comes as gzip.
    Gzip(Box<GzDecoder<Vec<u8>>>),
}

impl Unpacked {
    /// The reader that an answer wants.
    pub(crate) fn of(response: &reqwest::Response) -> Outcome<Self> {
        match response.headers().get(CONTENT_ENCODING).map(|coding| coding.as_bytes()) {
            None => Ok(Self::Plain),
            Some(b"gzip") => Ok(Self::Gzip(Box::new(GzDecoder::new(Vec::new())))),
            Some(other) => Err(format!("an answer came as {}", String::from_utf8_lossy(other)).into()),
        }
    }

    /// Adds to `text` what these bytes say: all of it, for nothing must wait for more.
    pub(crate) fn read(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Outcome<()> {
        match self {
            Self::Plain => text.extend_from_slice(bytes),
            Self::Gzip(gzip) => {
                gzip.write_all(bytes)?;
                gzip.flush()?;
                text.append(gzip.get_mut());
            }
        }
        Ok(())
    }
}
