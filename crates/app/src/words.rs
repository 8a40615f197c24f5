//! Words that several answers put together alike.

/// How many of a row of names are told.
const MOST: usize = 5;

/// `a, b and c`, or the first few and how many more.
pub(crate) fn some<T: AsRef<str>>(names: &[T]) -> String {
    let listed = |names: &[T]| names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names {
        names if names.len() > MOST => format!("{} and {} more", listed(&names[..MOST]), names.len() - MOST),
        [others @ .., last] if !others.is_empty() => format!("{} and {}", listed(others), last.as_ref()),
        names => listed(names),
    }
}

#[cfg(test)]
mod tests {
    use super::some;

    #[test]
    fn names_are_listed_and_long_lists_cut() {
        let names: Vec<String> = "abcdefg".chars().map(String::from).collect();
        assert_eq!(some(&names[..0]), "");
        assert_eq!(some(&names[..1]), "a");
        assert_eq!(some(&names[..3]), "a, b and c");
        assert_eq!(some(&names[..5]), "a, b, c, d and e");
        assert_eq!(some(&names), "a, b, c, d, e and 2 more");
    }
}
