//! A page of a list: its head is read at once, its items one by one where they are taken in.
//!
//! An object takes ten times its text in memory. Whoever reads one, makes a row of it and lets go of it before the next has
//! only that one in memory, and in the processor's cache.

use std::sync::Arc;

use bytes::Bytes;
use pilothouse_model::{Object, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decode::{Stamp, name_of, nullable};
use crate::signal::Malformed;

/// The most items that are handed over at once, and about how much text.
const PART: usize = 50;
const PART_BYTES: usize = 1 << 19;

/// Where the items begin, behind the head. Within a text its quotes would stand behind backslashes.
const ITEMS: &[u8] = b",\"items\":[";
/// As far as is looked for them.
const LONGEST_HEAD: usize = 8 << 10;

/// `metadata` of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(rename = "continue")]
    pub(crate) next: String,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    metadata: ListMeta,
    /// Go writes an empty list as `null`; an answer that has no `items` at all is no list, which is not an empty one.
    #[serde(borrow, deserialize_with = "nullable")]
    items: Vec<&'a RawValue>,
}

/// Items of a list, as the server wrote them.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    resource: Arc<Resource>,
    texts: Vec<Bytes>,
    /// How many came before them on their page.
    before: usize,
}

impl Items {
    /// Items of a resource, each one's JSON.
    pub fn new(resource: Arc<Resource>, texts: Vec<Bytes>) -> Self {
        Self { resource, texts, before: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Reads one after the other, each when it is asked for; those that are no objects are named.
    pub fn objects(self) -> impl Iterator<Item = Result<Object, Malformed>> {
        let Self { resource, texts, before } = self;
        let stamp = Stamp::of(&resource);
        texts.into_iter().enumerate().map(move |(index, text)| {
            stamp.object(&text).map_err(|why| {
                let which = std::str::from_utf8(&text).ok().and_then(name_of);
                let name = which.clone().unwrap_or_else(|| format!("item {}", before + index + 1));
                Malformed { which, why: format!("{name} of {} cannot be read: {why}", resource.group_resource()) }
            })
        })
    }

    /// The head of a page, where it stands before the items, as API servers write it for the kinds that they know; known
    /// before all of the page is read through.
    pub(crate) fn head(body: &[u8]) -> Option<ListMeta> {
        #[derive(Deserialize)]
        struct Head {
            metadata: ListMeta,
        }
        let beginning = &body[..body.len().min(LONGEST_HEAD)];
        let end = beginning.windows(ITEMS.len()).position(|window| window == ITEMS)?;
        let text = [&beginning[..end], b"}"].concat();
        // Whatever else it is, it is read with the items.
        serde_json::from_slice(&text).ok().map(|Head { metadata }| metadata)
    }

    /// The head of a page, and its items in parts of bounded size; or why it is none.
    pub(crate) fn split(body: &Bytes, resource: &Arc<Resource>) -> Result<(ListMeta, Vec<Self>), String> {
        let RawPage { metadata, items } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let (mut parts, mut before) = (Vec::new(), 0);
        while before < items.len() || parts.is_empty() {
            let part = &items[before..before + part_of(&items[before..])];
            let texts = part.iter().map(|item| body.slice_ref(item.get().as_bytes())).collect();
            parts.push(Self { resource: Arc::clone(resource), texts, before });
            before += part.len();
        }
        Ok((metadata, parts))
    }
}

/// How many of these items make a part: as many as stay within both limits, and at least one.
fn part_of(items: &[&RawValue]) -> usize {
    let mut bytes = 0;
    let fit = items.iter().take(PART).take_while(|item| {
        bytes += item.get().len();
        bytes <= PART_BYTES
    });
    fit.count().max(1).min(items.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods() -> Arc<Resource> {
        Arc::new(Resource::new("", "v1", "pods", "Pod"))
    }

    #[test]
    fn a_page_is_handed_over_in_parts_of_bounded_size() {
        let raw = |bytes: usize| RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
        let (small, large, huge) = (raw(10), raw(PART_BYTES / 2), raw(3 * PART_BYTES));
        assert_eq!(part_of(&[]), 0);
        assert_eq!(part_of(&[&*small; 3]), 3);
        assert_eq!(part_of(&vec![&*small; 2 * PART]), PART);
        assert_eq!(part_of(&[&*large, &*large, &*large]), 1);
        assert_eq!(part_of(&[&*huge, &*small]), 1);
        assert_eq!(part_of(&[&*small, &*huge]), 1);
    }

    #[test]
    fn the_parts_of_a_page_are_the_whole_of_it_in_order() {
        let items: Vec<_> = (0..2 * PART + 7)
            .map(
                |number| {
                    if number % 10 == 3 { json!(number) } else { json!({"metadata": {"name": number.to_string()}}) }
                },
            )
            .collect();
        let body =
            Bytes::from(json!({"metadata": {"resourceVersion": "7", "continue": "c"}, "items": items}).to_string());
        let (head, parts) = Items::split(&body, &pods()).unwrap();
        assert_eq!((head.resource_version.as_str(), head.next.as_str()), ("7", "c"));
        assert_eq!(parts.iter().map(Items::len).collect::<Vec<_>>(), [PART, PART, 7]);
        for (number, item) in parts.into_iter().flat_map(Items::objects).enumerate() {
            match item {
                Ok(object) => assert_eq!(object.name(), number.to_string()),
                Err(malformed) => {
                    let place = format!("item {} of pods cannot be read: ", number + 1);
                    assert!(number % 10 == 3 && malformed.why.starts_with(&place), "{malformed:?}");
                }
            }
        }
    }

    #[test]
    fn a_head_before_the_items_is_known_before_they_are_read() {
        let head = |text: &str| Items::head(text.as_bytes()).map(|head| (head.resource_version, head.next));
        let text = r#"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"a,\"items\":[b"},"items":[{"a"#;
        assert_eq!(head(text), Some(("7".to_owned(), "a,\"items\":[b".to_owned())));
        for other in [
            r#"{"apiVersion":"v1","items":[{"x":1}],"metadata":{"resourceVersion":"7"}}"#,
            r#"{"x":{"metadata":{},"items":[]},"metadata":{"resourceVersion":"7"}}"#,
            r#"{"metadata":{"resourceVersion":"7"},"items":null}"#,
            "",
        ] {
            assert_eq!(head(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_without_items_is_no_list_and_null_is_an_empty_one() {
        let split = |text: &'static str| Items::split(&Bytes::from_static(text.as_bytes()), &pods());
        for other in ["{}", r#"{"status": "ok"}"#, r#"{"metadata": {}}"#, r#"{"items": []}"#] {
            assert!(split(other).is_err(), "{other}");
        }
        let (head, parts) = split(r#"{"metadata": {"resourceVersion": "7"}, "items": null}"#).unwrap();
        assert_eq!((head.resource_version.as_str(), parts.len(), parts[0].is_empty()), ("7", 1, true));
    }
}
