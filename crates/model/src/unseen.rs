//! Characters that show nothing themselves, or turn around the text beside them. Whoever may write a name, a message or an
//! annotation can make it look like another with them.

/// Whether a character changes the direction of the text around it: marks, embeddings, overrides and isolates.
///
/// Source of the set: Unicode Standard Annex 9, "Unicode Bidirectional Algorithm", explicit formatting characters.
pub fn turns_text(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character has no width: joiners and what keeps from joining, the byte order mark, tags.
pub fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a character is not seen in a text, or makes other words of it. Where a text has to be exact it is escaped.
pub fn is_unseen(character: char) -> bool {
    turns_text(character) || is_invisible(character)
}

/// Whether a mark is shown for a character where texts are read: all that are not seen, save the two joiners, which words
/// of some scripts and many emoji need.
pub fn misleads(character: char) -> bool {
    is_unseen(character) && !matches!(character, '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_seen() {
        for seen in ["a é ß 日本 עברית العربية 🚢 …", "tab\tline\n"] {
            assert!(!seen.contains(is_unseen), "{seen}");
        }
        for unseen in ['\u{202e}', '\u{2066}', '\u{200f}', '\u{61c}', '\u{200b}', '\u{2060}', '\u{feff}', '\u{e0041}'] {
            assert!(misleads(unseen) && is_unseen(unseen), "{unseen:?}");
        }
    }

    #[test]
    fn joiners_are_unseen_and_mislead_nobody() {
        for joiner in ['\u{200c}', '\u{200d}'] {
            assert!(is_unseen(joiner) && !misleads(joiner), "{joiner:?}");
        }
    }
}
