//! The full object of a record, compressed. What the row says already is not kept twice.

mod known;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use pilothouse_model::{MalformedObject, Object, Row};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{self, CCtx, DCtx};

use known::Known;

/// No object larger than this (as JSON) is unpacked: etcd refuses far smaller ones.
pub const MAX_OBJECT_BYTES: usize = 64 << 20;

/// Fast, and with a dictionary already within a few percent of the slow levels on objects of a few kilobytes.
const LEVEL: i32 = 1;
/// A dictionary is trained from this many objects of one table...
const SAMPLES: usize = 256;
/// ...or from fewer when they are large...
const SAMPLE_BYTES: usize = 4 << 20;
/// ...and has this size.
const DICTIONARY_BYTES: usize = 32 << 10;

/// A buffer that an object made larger than this is not kept for the next ones.
const MOST_KEPT: usize = 1 << 20;

/// The full object of a record, compressed; or nothing, in derived tables.
#[derive(Clone, Default)]
pub struct Body(Kept);

#[derive(Clone, Default)]
enum Kept {
    #[default]
    Nothing,
    /// JSON as it is, where compression was refused.
    Plain(Arc<[u8]>),
    /// A frame of zstd, which tells the size of the JSON in it.
    Packed {
        frame: Arc<[u8]>,
        /// Tells the texts of the row that stand for themselves in it; zero when none do.
        known: u32,
        dictionary: Option<Arc<Dictionary>>,
    },
}

struct Dictionary(DecoderDictionary<'static>);

/// Why an object could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// This record keeps no object.
    #[error("the full object is not kept for derived rows; ask for the object by its own resource")]
    NotKept,
    /// It was packed with another row than it is unpacked with.
    #[error("the stored object belongs to another row")]
    OtherRow,
    /// More than [`MAX_OBJECT_BYTES`].
    #[error("the object has {0} bytes, more than the {MAX_OBJECT_BYTES} that are unpacked")]
    TooLarge(usize),
    /// The compressed bytes do not unpack.
    #[error("the stored object cannot be unpacked: {0}")]
    Corrupt(#[from] std::io::Error),
    /// The bytes are not JSON.
    #[error("the stored object is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON is not an object of Kubernetes.
    #[error("the stored object is {0}")]
    Malformed(#[from] MalformedObject),
}

impl Body {
    /// Keeps no object.
    pub fn none() -> Self {
        Self(Kept::Nothing)
    }

    /// Compresses one object by itself. A writer of many uses a [`Compressor`], which is faster and packs tighter.
    pub fn compress(object: &Object) -> Self {
        let mut json = Vec::new();
        write_json(object, &mut json);
        let mut frame = Vec::new();
        match pack(&json, &mut frame, None) {
            Ok(()) if frame.len() < json.len() => Self::packed(&frame, 0, None),
            _ => Self(Kept::Plain(json.into())),
        }
    }

    fn packed(frame: &[u8], known: u32, dictionary: Option<&Arc<Dictionary>>) -> Self {
        Self(Kept::Packed { frame: frame.into(), known, dictionary: dictionary.cloned() })
    }

    /// The object, of which this is the row.
    pub(crate) fn object(&self, row: &Row) -> Result<Object, BodyError> {
        match &self.0 {
            Kept::Nothing => Err(BodyError::NotKept),
            Kept::Plain(json) => read(json),
            Kept::Packed { frame, known, dictionary } => {
                let json = unpack(frame, dictionary.as_deref())?;
                match (*known, Known::of(row)) {
                    (0, _) => read(&json),
                    (wanted, known) if known.check() == wanted => {
                        read(&known.put_back(&json, MAX_OBJECT_BYTES).map_err(BodyError::TooLarge)?)
                    }
                    _ => Err(BodyError::OtherRow),
                }
            }
        }
    }

    /// Whether an object is kept.
    pub fn is_some(&self) -> bool {
        !matches!(self.0, Kept::Nothing)
    }

    /// How many bytes it takes.
    pub fn stored_bytes(&self) -> usize {
        match &self.0 {
            Kept::Nothing => 0,
            Kept::Plain(json) => json.len(),
            Kept::Packed { frame, .. } => frame.len(),
        }
    }
}

impl PartialEq for Body {
    /// The same bytes under the same dictionary. Equal objects packed differently compare as different, which costs a
    /// needless update and never loses one.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kept::Nothing, Kept::Nothing) => true,
            (Kept::Plain(left), Kept::Plain(right)) => left == right,
            (
                Kept::Packed { frame, known, dictionary, .. },
                Kept::Packed { frame: frame2, known: known2, dictionary: dictionary2, .. },
            ) => {
                dictionary.as_ref().map(Arc::as_ptr) == dictionary2.as_ref().map(Arc::as_ptr)
                    && known == known2
                    && frame == frame2
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.stored_bytes())
    }
}

/// Writes the JSON of an object over what is in `json`.
fn write_json(object: &Object, json: &mut Vec<u8>) {
    json.clear();
    if serde_json::to_writer(&mut *json, object.value()).is_err() {
        // A value can always be written into memory; if not, its text is the same.
        *json = object.value().to_string().into_bytes();
    }
}

fn read(json: &[u8]) -> Result<Object, BodyError> {
    Ok(Object::new(serde_json::from_slice(json)?)?)
}

/// Writes the frame of some bytes over what is in `frame`.
fn pack(json: &[u8], frame: &mut Vec<u8>, dictionary: Option<&EncoderDictionary<'static>>) -> std::io::Result<()> {
    frame.clear();
    frame.reserve(zstd_safe::compress_bound(json.len()));
    PACKING.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(CCtx::try_create().ok_or(std::io::ErrorKind::OutOfMemory)?),
        };
        match dictionary {
            Some(prepared) => context.compress_using_cdict(frame, json, prepared.as_cdict()),
            None => context.compress(frame, json, LEVEL),
        }
        .map_err(failure)
    })?;
    Ok(())
}

fn failure(code: zstd_safe::ErrorCode) -> std::io::Error {
    std::io::Error::other(zstd_safe::get_error_name(code))
}

fn unpack(frame: &[u8], dictionary: Option<&Dictionary>) -> Result<Vec<u8>, BodyError> {
    let size = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let size = size.ok_or_else(|| std::io::Error::other("the frame does not tell its size"))?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > MAX_OBJECT_BYTES {
        return Err(BodyError::TooLarge(size));
    }
    let mut json = Vec::with_capacity(size);
    let unpacked = UNPACKING.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(DCtx::try_create().ok_or(std::io::ErrorKind::OutOfMemory)?),
        };
        match dictionary {
            Some(Dictionary(prepared)) => context.decompress_using_ddict(&mut json, frame, prepared.as_ddict()),
            None => context.decompress(&mut json, frame),
        }
        .map_err(failure)
    });
    unpacked?;
    Ok(json)
}

thread_local! {
    // What is needed beside the result is large, and made once per thread: tables are many.
    static PACKING: RefCell<Option<CCtx<'static>>> = const { RefCell::new(None) };
    static UNPACKING: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Compresses the objects of one table: keeps its buffers, and learns a dictionary from the first objects, because those
/// of one resource look alike.
#[derive(Default)]
pub struct Compressor {
    learning: Learning,
    /// The JSON and the frame of the last object: the next one needs no memory of its own.
    json: Vec<u8>,
    frame: Vec<u8>,
}

enum Learning {
    /// Objects seen so far, and their size together.
    Samples(Vec<Vec<u8>>, usize),
    /// Learnt.
    Done(EncoderDictionary<'static>, Arc<Dictionary>),
    /// The objects gave no useful dictionary.
    Fruitless,
}

impl Default for Learning {
    fn default() -> Self {
        Self::Samples(Vec::new(), 0)
    }
}

impl Compressor {
    /// A compressor that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses the object of a row.
    pub fn compress(&mut self, object: &Object, row: &Row) -> Body {
        write_json(object, &mut self.json);
        let known = Known::of(row);
        known.take_out(&mut self.json, &mut self.frame);
        self.learn();
        let (encoder, dictionary) = match &self.learning {
            Learning::Done(encoder, dictionary) => (Some(encoder), Some(dictionary)),
            Learning::Samples(..) | Learning::Fruitless => (None, None),
        };
        let body = match pack(&self.json, &mut self.frame, encoder) {
            Ok(()) => Body::packed(&self.frame, known.check(), dictionary),
            // A refused object is kept as it is rather than lost.
            Err(_) => {
                write_json(object, &mut self.json);
                Body(Kept::Plain(self.json.as_slice().into()))
            }
        };
        if self.frame.capacity() > MOST_KEPT {
            (self.json, self.frame) = (Vec::new(), Vec::new());
        }
        body
    }

    fn learn(&mut self) {
        let Learning::Samples(samples, bytes) = &mut self.learning else { return };
        samples.push(self.json.clone());
        *bytes += self.json.len();
        if samples.len() < SAMPLES && *bytes < SAMPLE_BYTES {
            return;
        }
        let learnt = train(samples);
        self.learning = match learnt {
            Ok((encoder, dictionary)) => Learning::Done(encoder, Arc::new(dictionary)),
            // Too few, too short or too different objects: they are packed without.
            Err(_) => Learning::Fruitless,
        };
    }
}

fn train(samples: &[Vec<u8>]) -> std::io::Result<(EncoderDictionary<'static>, Dictionary)> {
    let bytes = zstd::dict::from_samples(samples, DICTIONARY_BYTES)?;
    Ok((EncoderDictionary::try_copy(&bytes, LEVEL)?, Dictionary(DecoderDictionary::try_copy(&bytes)?)))
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.learning {
            Learning::Samples(samples, _) => format!("{} samples", samples.len()),
            Learning::Done(..) => "with a dictionary".to_owned(),
            Learning::Fruitless => "without a dictionary".to_owned(),
        };
        write!(f, "Compressor({state})")
    }
}
