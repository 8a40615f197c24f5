//! Text from a cluster, made harmless for a terminal. Names, messages and values are written by whoever may write to the
//! cluster; a terminal obeys control characters among them.

use std::borrow::Cow;

use pilothouse_model::unseen::{is_unseen, misleads};

/// The text without anything that a terminal obeys: white space becomes a space, the rest a mark.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = |character: char| match character {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        character if is_obeyed(character) => char::REPLACEMENT_CHARACTER,
        character => character,
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Whether a terminal may do something else than show the character: controls, line breaks, what is not seen.
pub(crate) fn is_obeyed(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || misleads(character)
}

/// JSON text, with what a terminal obeys and what is not seen written as JSON's escapes: the same value, also to `cat`.
pub(crate) fn escaped(json: &str) -> Cow<'_, str> {
    let is_raw = |character: char| character != '\n' && (is_obeyed(character) || is_unseen(character));
    if !json.contains(is_raw) {
        return Cow::Borrowed(json);
    }
    // Outside of strings, JSON has no such characters.
    let mut text = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_raw(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

/// Says something beside the answer, on standard error.
pub(crate) fn say(text: &str) {
    anstream::eprintln!("{}", plain(text));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let title = "\u{1b}]0;owned\u{7}web\u{9b}31m\u{7f}\u{202e}";
        assert!(!plain(title).contains(is_obeyed));
        assert_eq!(plain(title), "\u{fffd}]0;owned\u{fffd}web\u{fffd}31m\u{fffd}\u{fffd}");
        assert_eq!(plain("\u{200b}a\u{2060}b\u{feff}\u{e0041}"), "\u{fffd}a\u{fffd}b\u{fffd}\u{fffd}");
        assert_eq!(plain("می\u{200c}خواهم 👩\u{200d}🚀"), "می\u{200c}خواهم 👩\u{200d}🚀");
        assert_eq!(plain("two\nlines\tand é"), "two lines and é");
        assert!(matches!(plain("nothing to do: é 日"), Cow::Borrowed(_)));
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = json!({"a\u{9b}": ["\u{1b}[31m", "\u{7f}\u{202e}\u{200d}\u{e0041}é\n", 1]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escaped(&text);
        assert!(!escaped.replace('\n', "").contains(|c| is_obeyed(c) || is_unseen(c)), "{escaped}");
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
    }

    #[test]
    fn yaml_escapes_controls() {
        let text =
            pilothouse_app::yaml(&json!({"a": "\u{1b}[31m\u{9b}\u{7f}", "b\u{1b}": "two\nlines \u{1b}\u{202e}"}));
        assert!(!text.replace('\n', "").contains(is_obeyed), "{text:?}");
    }
}
