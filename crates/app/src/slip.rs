//! Slips of the finger: how near a word is to the one that was likely meant.

/// How many wrong letters are still a slip of the finger.
pub(crate) fn reach(text: &str) -> usize {
    (text.chars().count() / 3).max(1)
}

/// Whether somebody who wrote this may have meant that.
pub fn is_slip(written: &str, meant: &str) -> bool {
    distance(written, meant) <= reach(written)
}

/// Edit distance (Levenshtein), in characters.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_are_counted() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("pods", "pods"), 0);
    }
}
