//! Changes written past the API server: etcd is given the object anew, and the API server tells its watchers as ever.
//!
//! A status that is written through the API server costs it two milliseconds of processor time and more; two cores that also
//! hold etcd, the console and its readers take no thousand of them a second. What is measured is who watches.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::{Value, json};

use crate::outcome::Outcome;

/// What objects begin with in etcd.
const MAGIC: &[u8] = b"k8s\0";
/// Fields of protobuf messages on the way to a pod's number of restarts: the object in its envelope, status, the first
/// container's status, restarts.
const RESTARTS: [u64; 4] = [2, 3, 8, 5];

/// A pod as etcd has it.
#[derive(Clone)]
pub(crate) struct Stored {
    key: String,
    value: Vec<u8>,
}

/// Speaks to etcd.
#[derive(Clone)]
pub(crate) struct Etcd {
    client: Client,
    url: String,
}

impl Etcd {
    pub(crate) fn new(url: &str) -> Outcome<Self> {
        Ok(Self { client: Client::builder().no_proxy().build()?, url: url.to_owned() })
    }

    async fn ask(&self, what: &str, body: &Value) -> Outcome<Value> {
        let request = self.client.post(format!("{}/v3/kv/{what}", self.url)).body(body.to_string());
        let answer = request.send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    /// The pod of this namespace and name.
    pub(crate) async fn pod(&self, namespace: &str, name: &str) -> Outcome<Stored> {
        let key = STANDARD.encode(format!("/registry/pods/{namespace}/{name}"));
        let answer = self.ask("range", &json!({ "key": key })).await?;
        let value = answer["kvs"][0]["value"].as_str().ok_or_else(|| format!("etcd has no pod {namespace}/{name}"))?;
        let stored = Stored { key, value: STANDARD.decode(value)? };
        // Told now rather than with the first change.
        stored.with_restarts(0)?;
        Ok(stored)
    }

    /// Gives the pod another number of restarts.
    pub(crate) async fn restart(&self, pod: &Stored, restarts: u64) -> Outcome<()> {
        let value = STANDARD.encode(pod.with_restarts(restarts)?);
        self.ask("put", &json!({"key": pod.key, "value": value})).await?;
        Ok(())
    }
}

impl Stored {
    fn with_restarts(&self, restarts: u64) -> Outcome<Vec<u8>> {
        let message = self.value.strip_prefix(MAGIC).ok_or("a pod in etcd is not protobuf")?;
        let mut value = MAGIC.to_vec();
        value.extend(replace(message, &RESTARTS, restarts)?);
        Ok(value)
    }
}

/// The message with another number at the end of `path`; of repeated fields the first is meant.
fn replace(message: &[u8], path: &[u64], number: u64) -> Outcome<Vec<u8>> {
    let (field, deeper) = path.split_first().ok_or("an empty path")?;
    let (mut rest, mut made, mut found) = (message, Vec::with_capacity(message.len() + 8), false);
    while !rest.is_empty() {
        let whole = rest;
        let tag = varint(&mut rest)?;
        let content = match tag & 7 {
            0 => {
                varint(&mut rest)?;
                None
            }
            1 => take(&mut rest, 8).map(|_| None)?,
            2 => {
                let length = varint(&mut rest)?;
                Some(take(&mut rest, length as usize)?)
            }
            5 => take(&mut rest, 4).map(|_| None)?,
            other => return Err(format!("a field of type {other}").into()),
        };
        if tag >> 3 != *field || found {
            made.extend_from_slice(&whole[..whole.len() - rest.len()]);
            continue;
        }
        found = true;
        put(&mut made, tag);
        match (content, deeper) {
            (None, []) => put(&mut made, number),
            (Some(content), [_, ..]) => {
                let content = replace(content, deeper, number)?;
                put(&mut made, content.len() as u64);
                made.extend(content);
            }
            _ => return Err("the pod in etcd has another shape".into()),
        }
    }
    if found { Ok(made) } else { Err(format!("the pod in etcd has no field {field}").into()) }
}

fn varint(rest: &mut &[u8]) -> Outcome<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return Ok(number);
        }
        if shift > 63 {
            return Err("a number without an end".into());
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Outcome<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count).ok_or("a message that is cut off")?;
    *rest = left;
    Ok(taken)
}

fn put(made: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        made.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    made.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_deep_inside_is_replaced_and_all_else_stays() {
        // Field 1: "ab"; field 2: { field 1: 5, field 3: 7, field 3: 9 }; field 4: 1.
        let message = [0x0a, 2, b'a', b'b', 0x12, 6, 0x08, 5, 0x18, 7, 0x18, 9, 0x20, 1];
        let made = replace(&message, &[2, 3], 300).unwrap();
        assert_eq!(made, [0x0a, 2, b'a', b'b', 0x12, 7, 0x08, 5, 0x18, 0xac, 2, 0x18, 9, 0x20, 1]);
        assert!(replace(&message, &[2, 9], 1).is_err(), "what is not there is not made up");
        assert!(replace(&message[..8], &[2, 3], 1).is_err(), "half a message");
    }
}
