//! Where a page ends, in a form that outlives the rows: the next page follows it whatever has changed since.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilothouse_model::filter::SortKey;
use pilothouse_model::{Plan, Row, Str};
use serde::{Deserialize, Serialize};

use crate::record::RowId;

/// Longer texts are no keys of ours: values of rows are far shorter.
const LONGEST: usize = 64 << 10;

/// The place of a row in the order of a plan: its values and its identity. It stays a place when the row changes or goes.
///
/// As text it is opaque, safe in a URL, and safe to read from anyone: it names a place and gives no rights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageKey {
    #[serde(rename = "v")]
    values: Vec<Value>,
    #[serde(rename = "i")]
    id: (Option<Str>, Str, Str, Str),
}

/// A value that a plan sorts by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Value {
    /// In bits: JSON has no words for all numbers.
    #[serde(rename = "n", with = "bits")]
    Number(f64),
    #[serde(rename = "t")]
    Text(Str),
    #[serde(rename = "u")]
    Unknown,
    #[serde(rename = "m")]
    Missing,
}

mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        number.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// A text that is not the place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no key of a page; begin with the first page")]
pub struct PageKeyError;

impl PageKey {
    /// The place of a row in the order of a plan.
    pub fn of(plan: &Plan, row: &Row) -> Self {
        let value = |key: SortKey<'_>| match key {
            SortKey::Number(number) => Value::Number(number),
            SortKey::Text(text) => Value::Text(text.into()),
            SortKey::Unknown => Value::Unknown,
            SortKey::Missing => Value::Missing,
        };
        let RowId { namespace, name, kind, group } = RowId::of(row);
        Self {
            values: plan.order.iter().map(|sort| value(sort.field.sort_key(row))).collect(),
            id: (namespace, name, kind, group),
        }
    }

    /// Whether it is a place in the order of this plan, as far as can be told: one of an order of as many keys.
    pub fn fits(&self, plan: &Plan) -> bool {
        self.values.len() == plan.order.len()
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(crate) fn id(&self) -> RowId {
        let (namespace, name, kind, group) = self.id.clone();
        RowId { namespace, name, kind, group }
    }
}

impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for PageKey {
    type Err = PageKeyError;

    fn from_str(text: &str) -> Result<Self, PageKeyError> {
        if text.len() > LONGEST {
            return Err(PageKeyError);
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| PageKeyError)?;
        serde_json::from_slice(&json).map_err(|_| PageKeyError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<f64>().prop_map(Value::Number),
            ".{0,6}".prop_map(|text| Value::Text(text.into())),
            Just(Value::Unknown),
            Just(Value::Missing),
        ]
    }

    proptest! {
        #[test]
        fn a_key_reads_back(
            values in prop::collection::vec(value(), 0..4),
            namespace in prop::option::of(".{0,6}"),
            name in ".{0,6}",
        ) {
            let id = (namespace.map(Str::from), name.into(), "Pod".into(), "".into());
            let key = PageKey { values, id };
            let text = key.to_string();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(text.parse::<PageKey>(), Ok(key));
        }

        #[test]
        fn no_text_panics(text in "[A-Za-z0-9_=-]{0,40}|.{0,40}") {
            let _either = text.parse::<PageKey>();
        }

        #[test]
        fn no_json_panics(json in r#"[\[\]{}"vintu:,0-9-]{0,40}"#) {
            let _either = URL_SAFE_NO_PAD.encode(json).parse::<PageKey>();
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert_eq!("A".repeat(LONGEST + 1).parse::<PageKey>(), Err(PageKeyError));
    }
}
