//! Bodies in Kubernetes' protobuf form, as typed clients send them, read into JSON.
//!
//! A body is four bytes of mark, then an envelope with the type and the object. The wire does not tell a field that is
//! absent from one that is empty or zero, so those are left out, except where zero says something ([`TELLING`]).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Field, Many, Type, fields, name_of};

const MARK: &[u8] = b"k8s\0";

/// How deep types nest at most; deeper bodies are refused.
const DEPTH: usize = 48;

/// Fields whose zero or false is not the same as their absence.
const TELLING: &[&str] = &[
    "activeDeadlineSeconds",
    "allowPrivilegeEscalation",
    "allowVolumeExpansion",
    "automountServiceAccountToken",
    "backoffLimit",
    "blockOwnerDeletion",
    "completions",
    "controller",
    "defaultMode",
    "enableServiceLinks",
    "expirationSeconds",
    "failedJobsHistoryLimit",
    "fsGroup",
    "gracePeriodSeconds",
    "hostUsers",
    "immutable",
    "manualSelector",
    "mode",
    "optional",
    "parallelism",
    "partition",
    "port",
    "privileged",
    "progressDeadlineSeconds",
    "readOnlyRootFilesystem",
    "replicas",
    "revisionHistoryLimit",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "startingDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "suspend",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
    "ttlSecondsAfterFinished",
    "value",
];

/// Why bytes are not such a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// The mark is missing.
    #[error("the body does not begin as Kubernetes' protobuf does")]
    NoMark,
    /// It ends too early or holds what cannot be read.
    #[error("the protobuf body is damaged")]
    Damaged,
    /// Nothing is known of its type.
    #[error("no kind \"{kind}\" in version \"{version}\" is known in protobuf form")]
    UnknownType {
        /// `apiVersion`.
        version: String,
        /// Kind.
        kind: String,
    },
}

use WireError::Damaged;

/// One field on the wire.
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Splits a message into its fields.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn next(&mut self) -> Result<Option<(u64, Raw<'a>)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let raw = match key & 7 {
            0 => Raw::Number(self.varint()?),
            1 => Raw::Number(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Damaged)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Damaged)?;
                Raw::Bytes(self.take(length)?)
            }
            5 => Raw::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Damaged)?))),
            _ => return Err(Damaged),
        };
        Ok(Some((key >> 3, raw)))
    }
}

fn bytes<'a>(raw: &Raw<'a>) -> Result<&'a [u8], WireError> {
    match raw {
        Raw::Bytes(bytes) => Ok(bytes),
        Raw::Number(_) => Err(Damaged),
    }
}

fn text(bytes: &[u8]) -> Result<String, WireError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Damaged)
}

/// The first field of a number, in a message; empty when absent.
fn part(message: &[u8], number: u64) -> Result<&[u8], WireError> {
    let mut reader = Reader(message);
    while let Some((own, raw)) = reader.next()? {
        if own == number {
            return bytes(&raw);
        }
    }
    Ok(&[])
}

/// Reads a whole body.
pub(crate) fn decode(body: &[u8]) -> Result<Value, WireError> {
    let envelope = body.strip_prefix(MARK).ok_or(WireError::NoMark)?;
    let meta = part(envelope, 1)?;
    let (version, kind) = (text(part(meta, 1)?)?, text(part(meta, 2)?)?);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let Some(name) = name_of(group, &kind) else { return Err(WireError::UnknownType { version, kind }) };
    let mut value = message(name, part(envelope, 2)?, 0)?;
    value.insert("apiVersion".to_owned(), json!(version));
    value.insert("kind".to_owned(), json!(kind));
    Ok(Value::Object(value))
}

fn message(name: &str, content: &[u8], depth: usize) -> Result<Map<String, Value>, WireError> {
    if depth > DEPTH {
        return Err(Damaged);
    }
    let known = fields(name).ok_or(Damaged)?;
    let mut value = Map::new();
    let mut reader = Reader(content);
    while let Some((number, raw)) = reader.next()? {
        if number == 0 {
            return Err(Damaged);
        }
        // Fields of other versions of the API are passed over, as protobuf wants it.
        let Some(field) = known.iter().find(|field| field.number == number) else { continue };
        take(field, &raw, &mut value, depth)?;
    }
    Ok(value)
}

fn take(field: &Field, raw: &Raw<'_>, value: &mut Map<String, Value>, depth: usize) -> Result<(), WireError> {
    if let (true, Type::Message(inner)) = (field.inline, field.kind) {
        value.extend(message(inner, bytes(raw)?, depth + 1)?);
        return Ok(());
    }
    match field.many {
        Many::One => {
            let one = single(field.kind, raw, depth)?;
            let empty = match &one {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Bool(truth) => !truth,
                Value::Number(number) => number.as_f64() == Some(0.0),
                _ => false,
            };
            let tells =
                field.kind == Type::IntegerOrText || (TELLING.contains(&field.name) && !one.is_null() && one != "");
            if !empty || tells {
                value.insert(field.name.to_owned(), one);
            }
        }
        Many::List => {
            let items = value.entry(field.name).or_insert_with(|| json!([]));
            if let Value::Array(items) = items {
                items.push(single(field.kind, raw, depth)?);
            }
        }
        Many::Map => {
            let pair = bytes(raw)?;
            let key = text(part(pair, 1)?)?;
            let mut inner = match field.kind {
                Type::Integer | Type::Truth => json!(0),
                other => single(other, &Raw::Bytes(&[]), depth)?,
            };
            let mut reader = Reader(pair);
            while let Some((number, raw)) = reader.next()? {
                if number == 2 {
                    inner = single(field.kind, &raw, depth)?;
                }
            }
            value.entry(field.name).or_insert_with(|| json!({}))[&key] = inner;
        }
    }
    Ok(())
}

fn single(kind: Type, raw: &Raw<'_>, depth: usize) -> Result<Value, WireError> {
    Ok(match (kind, raw) {
        // Negative numbers are written as their two's complement.
        (Type::Integer, Raw::Number(number)) => json!(number.cast_signed()),
        (Type::Number, Raw::Number(number)) => json!(f64::from_bits(*number)),
        (Type::Truth, Raw::Number(number)) => json!(*number != 0),
        (_, Raw::Number(_)) | (Type::Integer | Type::Number | Type::Truth, Raw::Bytes(_)) => return Err(Damaged),
        (Type::Text, Raw::Bytes(content)) => json!(text(content)?),
        (Type::Bytes, Raw::Bytes(content)) => json!(STANDARD.encode(content)),
        (Type::Quantity, Raw::Bytes(content)) => json!(text(part(content, 1)?)?),
        (Type::Time(fine), Raw::Bytes(content)) => time(content, fine)?,
        (Type::IntegerOrText, Raw::Bytes(content)) => integer_or_text(content)?,
        (Type::Raw, Raw::Bytes(content)) => {
            let inner = part(content, 1)?;
            if inner.is_empty() { Value::Null } else { serde_json::from_slice(inner).map_err(|_| Damaged)? }
        }
        (Type::Message(name), Raw::Bytes(content)) => {
            let mut inner = message(name, content, depth + 1)?;
            match inner.remove("items") {
                Some(items) if name.ends_with("ExtraValue") => items,
                Some(items) => {
                    inner.insert("items".to_owned(), items);
                    Value::Object(inner)
                }
                None => Value::Object(inner),
            }
        }
    })
}

fn time(content: &[u8], fine: bool) -> Result<Value, WireError> {
    let (mut seconds, mut nanos) = (0_i64, 0_i32);
    let mut reader = Reader(content);
    while let Some((number, raw)) = reader.next()? {
        match (number, raw) {
            (1, Raw::Number(number)) => seconds = number.cast_signed(),
            (2, Raw::Number(number)) => nanos = i32::try_from(number).map_err(|_| Damaged)?,
            _ => {}
        }
    }
    if content.is_empty() {
        return Ok(Value::Null);
    }
    let moment = Timestamp::new(seconds, nanos).map_err(|_| Damaged)?;
    let form = if fine { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(json!(moment.strftime(form).to_string()))
}

fn integer_or_text(content: &[u8]) -> Result<Value, WireError> {
    let (mut is_text, mut number, mut said) = (false, 0_i64, String::new());
    let mut reader = Reader(content);
    while let Some((field, raw)) = reader.next()? {
        match (field, raw) {
            (1, Raw::Number(kind)) => is_text = kind == 1,
            (2, Raw::Number(value)) => number = value.cast_signed(),
            (3, Raw::Bytes(bytes)) => said = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { json!(said) } else { json!(number) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A field with bytes, by hand.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()][..], content].concat()
    }

    fn body(version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
        let meta = [field(1, version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MARK.to_vec(), field(1, &meta), field(2, object)].concat()
    }

    #[test]
    fn a_config_map_reads() {
        let metadata = [field(1, b"settings"), field(3, b"")].concat();
        let pair = [field(1, b"colour"), field(2, b"red")].concat();
        let object = [field(1, &metadata), field(2, &pair)].concat();
        assert_eq!(
            decode(&body("v1", "ConfigMap", &object)).unwrap(),
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "colour": "red" } })
        );
    }

    #[test]
    fn zero_is_told_where_it_says_something() {
        let spec = [&[1 << 3, 0][..], &[5 << 3, 0]].concat();
        let read = decode(&body("apps/v1", "Deployment", &field(2, &spec))).unwrap();
        assert_eq!(read["spec"], json!({ "replicas": 0 }));
    }

    #[test]
    fn what_is_not_such_a_body_is_refused() {
        assert_eq!(decode(b"{}"), Err(WireError::NoMark));
        assert!(matches!(decode(&body("v1", "Nonsense", b"")), Err(WireError::UnknownType { .. })));
        assert_eq!(decode(&body("v1", "Pod", &[0x0a, 200])), Err(Damaged));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            for kind in ["Pod", "Service", "Secret"] {
                let body = body("v1", kind, &bytes);
                // Either outcome will do; reaching it is the point.
                prop_assert!(decode(&body).is_ok_and(|value| value.is_object()) || decode(&body).is_err());
            }
        }
    }
}
