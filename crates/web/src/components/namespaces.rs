//! Namespaces that are asked for but do not exist: their lists are empty for another reason than nothing being there.

use maud::{Markup, html};
use pilothouse_app::Cluster;
use pilothouse_model::{GroupResource, Level};

use super::freshness::notice;

/// Says which of `asked` the cluster does not have, where its namespaces are known completely.
pub(crate) fn strangers(cluster: &Cluster, asked: &[String]) -> Markup {
    if asked.is_empty()
        || !cluster.catalog().is_some_and(|catalog| catalog.serves(GroupResource::new("", "namespaces")))
    {
        return html! {};
    }
    match cluster.namespaces() {
        Some(known) if cluster.namespaces_completeness().is_complete() => unknown(&known, asked),
        _ => html! {},
    }
}

fn unknown(known: &[String], asked: &[String]) -> Markup {
    let missing: Vec<String> =
        asked.iter().filter(|name| !known.contains(name)).map(|name| format!("\"{name}\"")).collect();
    let words = match missing.as_slice() {
        [] => return html! {},
        [one] => format!("There is no namespace named {one} in this cluster."),
        many => format!("There are no namespaces named {} in this cluster.", many.join(", ")),
    };
    notice(Level::Warning, &words, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_does_not_exist_is_named() {
        let known = ["team-a".to_owned()];
        let said = |asked: &[&str]| {
            let asked: Vec<_> = asked.iter().map(|name| (*name).to_owned()).collect();
            unknown(&known, &asked).into_string()
        };
        assert_eq!(said(&["team-a"]), "");
        assert!(said(&["nope", "team-a"]).contains("There is no namespace named &quot;nope&quot;"));
        assert!(said(&["<b>", "x"]).contains("&quot;&lt;b&gt;&quot;, &quot;x&quot;"));
    }
}
