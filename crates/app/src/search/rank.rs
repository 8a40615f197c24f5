//! How well a row answers: where the words were found, then what it is, then how new it is.

use std::cmp::Reverse;

use pilothouse_model::{Filter, Moment, Row, Str};

/// Where a word was found, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// It is the name.
    Name,
    /// The name begins with it.
    NameStart,
    /// A word of the name begins with it.
    NameWord,
    /// It is somewhere in the name.
    NamePart,
    /// In the value of a label.
    Label,
    /// In a container image.
    Image,
    /// In the reason or the message.
    Message,
    /// Anywhere else: the namespace, a label's key, a cell.
    Text,
}

/// Where the words of a search were found in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Where the word was found that is farthest from the name.
    pub what: What,
    /// The text that it was found in; empty when that is the name.
    pub text: String,
}

/// The order of results, the best first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// How far from the name the words are, together.
    distance: usize,
    /// What runs as a whole comes before its parts, whose names begin with its own, and before anything else.
    whole: Reverse<bool>,
    /// How useful the kind is: its place among those that are searched.
    kind: usize,
    /// The newest first.
    created: Reverse<Option<Moment>>,
    name: Str,
    namespace: Option<Str>,
}

impl What {
    /// The word for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name | Self::NameStart | Self::NameWord | Self::NamePart => "name",
            Self::Label => "label",
            Self::Image => "image",
            Self::Message => "message",
            Self::Text => "text",
        }
    }
}

/// The words that every result has to mention, in lower case.
pub(super) fn words(filter: &Filter) -> Vec<String> {
    match filter {
        Filter::And(filters) => filters.iter().flat_map(words).collect(),
        Filter::Text(word) => vec![word.to_string()],
        _ => Vec::new(),
    }
}

/// How well a row answers that mentions all the words: one of a kind of things that run, or of another.
pub(super) fn rank(row: &Row, words: &[String], (kind, runs): (usize, bool)) -> Rank {
    let name = row.name.to_lowercase();
    Rank {
        distance: words.iter().map(|word| find(row, &name, word).0 as usize).sum(),
        whole: Reverse(runs && row.owners.is_empty()),
        kind,
        created: Reverse(row.created),
        name: row.name.clone(),
        namespace: row.namespace.clone(),
    }
}

/// Where the words were found.
pub(super) fn matched(row: &Row, words: &[String]) -> Matched {
    let name = row.name.to_lowercase();
    let found = words.iter().map(|word| find(row, &name, word)).max_by_key(|(what, _)| *what);
    let (what, text) = found.unwrap_or((What::Text, String::new()));
    Matched { what, text }
}

/// Where one word is found, at its best.
fn find(row: &Row, name: &str, word: &str) -> (What, String) {
    let holds = |text: &str| text.to_lowercase().contains(word);
    if let Some(at) = name.find(word) {
        let begins = |at: usize| at == 0 || name[..at].ends_with(|c: char| !c.is_alphanumeric());
        let what = match at {
            0 if name.len() == word.len() => What::Name,
            0 => What::NameStart,
            _ if name.match_indices(word).any(|(at, _)| begins(at)) => What::NameWord,
            _ => What::NamePart,
        };
        return (what, String::new());
    }
    if let Some((key, value)) = row.labels.iter().find(|(_, value)| holds(value)) {
        return (What::Label, format!("{key}={value}"));
    }
    if let Some(image) = row.images.iter().find(|image| holds(image)) {
        return (What::Image, image.to_string());
    }
    match [&row.status.message, &row.status.reason].into_iter().find(|text| holds(text)) {
        Some(text) => (What::Message, text.to_string()),
        None => (What::Text, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::{Level, Object, Projection, Resource, Status};
    use serde_json::json;

    use super::*;

    fn row(name: &str, label: &str, message: &str, created: &str) -> Row {
        let object = Object::new(json!({
            "metadata": {"name": name, "namespace": "team", "labels": {"app": label}, "creationTimestamp": created},
            "spec": {"containers": [{"image": "registry.example/trainer:1"}]},
        }));
        let status = Status::new(Level::Error, "Failed").because("OOMKilled", message);
        let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
        let mut row =
            Row::assemble(resource, &object.unwrap(), Projection { status, cells: vec![] }, &mut |text| text.into());
        row.images = [Str::from("registry.example/trainer:1")].into();
        row
    }

    const THEN: &str = "2026-01-01T00:00:00Z";
    const LATER: &str = "2026-01-02T00:00:00Z";

    #[test]
    fn names_come_before_labels_images_and_messages() {
        let found =
            |name: &str, word: &str| matched(&row(name, "frontend", "ran out of memory", THEN), &[word.to_owned()]);
        for (name, word, what) in [
            ("web", "web", What::Name),
            ("web-0", "web", What::NameStart),
            ("my-web-0", "web", What::NameWord),
            ("cobweb", "web", What::NamePart),
            ("cobweb-web", "web", What::NameWord),
            ("x", "front", What::Label),
            ("x", "trainer", What::Image),
            ("x", "memory", What::Message),
            ("x", "oomkilled", What::Message),
            ("x", "team", What::Text),
        ] {
            assert_eq!(found(name, word).what, what, "{name} {word}");
        }
        assert_eq!(found("x", "front").text, "app=frontend");
    }

    #[test]
    fn all_words_count_then_the_kind_and_the_newest() {
        let words = ["web".to_owned(), "memory".to_owned()];
        let rank_of =
            |name: &str, kind, created| rank(&row(name, "x", "out of memory", created), &words, (kind, false));
        assert!(rank_of("web", 3, THEN) < rank_of("web-0", 0, LATER), "the name says most");
        assert!(rank_of("web-memory", 9, THEN) < rank_of("web", 0, THEN), "both words in the name");
        assert!(rank_of("web", 0, THEN) < rank_of("web", 1, LATER), "then the kind");
        assert!(rank_of("web", 0, LATER) < rank_of("web", 0, THEN), "then the newest");
    }

    #[test]
    fn what_runs_comes_before_its_parts_and_what_only_has_the_name() {
        let words = ["trainer".to_owned()];
        let pod = row("trainer-node-0", "x", "", LATER);
        let part = Row { owners: [Str::from("uid")].into(), ..pod.clone() };
        let whole = |row: &Row, kind, runs| rank(row, &words, (kind, runs));
        assert!(whole(&pod, 9, true) < whole(&part, 0, true), "the job before its pods");
        assert!(whole(&pod, 9, true) < whole(&pod, 4, false), "and before its settings");
        assert!(whole(&part, 0, true) < whole(&pod, 4, false), "the kind decides between the others");
        assert!(whole(&part, 0, true) < rank(&row("x", "trainer", "", THEN), &words, (0, true)), "the name says most");
    }

    #[test]
    fn only_words_that_must_be_there_count() {
        let read = |q: &str| words(&crate::many::conditions(q).unwrap());
        assert_eq!(read("Web kind:pod oom"), ["web", "oom"]);
        assert_eq!(read("-web (a OR b) \"two words\""), ["two words"]);
    }
}
