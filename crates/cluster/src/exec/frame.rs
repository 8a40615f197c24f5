//! One message of either direction: a byte that names the channel, then what it carries.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use super::{ExecEnd, ExecInput, ExecOutput};

const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const ERRORS: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
/// In v5 only: the channel that the next byte names carries nothing more.
const CLOSE: u8 = 255;
/// The most of an API server's words that are taken over.
const WORDS: usize = 4096;

/// The message of what goes in; `None` for what this protocol has no word for.
pub(super) fn encode(input: &ExecInput, tells_end: bool) -> Option<Bytes> {
    let of = |channel: u8, content: &[u8]| {
        let mut message = BytesMut::with_capacity(content.len() + 1);
        message.put_u8(channel);
        message.put_slice(content);
        Some(message.freeze())
    };
    match input {
        ExecInput::Bytes(bytes) => of(INPUT, bytes),
        ExecInput::Resize { columns, rows } => {
            of(RESIZE, json!({"Width": columns, "Height": rows}).to_string().as_bytes())
        }
        ExecInput::End => of(CLOSE, &[INPUT]).filter(|_| tells_end),
    }
}

/// What a message says; `None` when it says nothing: every channel begins with an empty one.
pub(super) fn decode(message: &Bytes) -> Option<ExecOutput> {
    let (channel, content) = message.split_first()?;
    if content.is_empty() {
        return None;
    }
    match *channel {
        OUTPUT => Some(ExecOutput::Out(message.slice(1..))),
        ERRORS => Some(ExecOutput::Error(message.slice(1..))),
        STATUS => Some(ExecOutput::Ended(end(content))),
        _ => None,
    }
}

/// What a `Status` tells of a command's end.
fn end(content: &[u8]) -> ExecEnd {
    let words = |text: &str| ExecEnd::Failed(text.chars().take(WORDS).collect());
    let Ok(status) = serde_json::from_slice::<Value>(content) else {
        return words(String::from_utf8_lossy(content).trim());
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text(&status, "status") == "Success" {
        return ExecEnd::Exited(0);
    }
    let reason = text(&status, "reason");
    let causes = status.pointer("/details/causes").and_then(Value::as_array).into_iter().flatten();
    let codes = causes.filter(|cause| text(cause, "reason") == "ExitCode").map(|cause| text(cause, "message"));
    match codes.filter_map(|code| code.trim().parse().ok()).next() {
        Some(code) if reason == "NonZeroExitCode" => ExecEnd::Exited(code),
        _ => match text(&status, "message") {
            message if message.is_empty() => words(&format!("the cluster says `{reason}` and not why")),
            message => words(&message),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> ExecEnd {
        let mut message = vec![STATUS];
        message.extend_from_slice(text.as_bytes());
        match decode(&Bytes::from(message)) {
            Some(ExecOutput::Ended(end)) => end,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_status_tells_the_code_or_why_there_is_none() {
        let code = |text: &str| {
            let causes = json!([{"reason": "other", "message": "9"}, {"reason": "ExitCode", "message": text}]);
            told(
                &json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code", "details": {"causes": causes}})
                    .to_string(),
            )
        };
        assert_eq!(told(r#"{"metadata":{},"status":"Success"}"#), ExecEnd::Exited(0));
        assert_eq!(code("3"), ExecEnd::Exited(3));
        assert_eq!(code("137"), ExecEnd::Exited(137));
        assert!(matches!(code("x"), ExecEnd::Failed(words) if words.contains("non-zero")));
        let failed =
            r#"{"status":"Failure","reason":"InternalError","message":"exec: \"bash\": not found","details":null}"#;
        assert_eq!(told(failed), ExecEnd::Failed("exec: \"bash\": not found".to_owned()));
        assert!(matches!(told(r#"{"status":null}"#), ExecEnd::Failed(_)));
        assert_eq!(told("no json\n"), ExecEnd::Failed("no json".to_owned()));
        assert!(matches!(told(&"x".repeat(100_000)), ExecEnd::Failed(words) if words.len() == WORDS));
    }

    #[test]
    fn channels_are_told_apart() {
        let read = |message: &'static [u8]| decode(&Bytes::from_static(message));
        assert_eq!(read(b"\x01out"), Some(ExecOutput::Out(Bytes::from_static(b"out"))));
        assert_eq!(read(b"\x02err"), Some(ExecOutput::Error(Bytes::from_static(b"err"))));
        for nothing in [&b""[..], b"\x01", b"\x02", b"\x03", b"\x00in", b"\x04{}", b"\xff\x01", b"\x07x"] {
            assert_eq!(decode(&Bytes::from_static(nothing)), None, "{nothing:?}");
        }
    }

    #[test]
    fn what_goes_in_is_framed_as_the_protocol_says() {
        let bytes = ExecInput::Bytes(Bytes::from_static(b"ls\r"));
        assert_eq!(encode(&bytes, false).unwrap(), &b"\x00ls\r"[..]);
        let size = encode(&ExecInput::Resize { columns: 80, rows: 24 }, true).unwrap();
        assert_eq!(size[0], 4);
        assert_eq!(serde_json::from_slice::<Value>(&size[1..]).unwrap(), json!({"Width": 80, "Height": 24}));
        assert_eq!(encode(&ExecInput::End, true).unwrap(), &b"\xff\x00"[..]);
        assert_eq!(encode(&ExecInput::End, false), None);
    }
}
