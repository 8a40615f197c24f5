//! What a person may do with an object, as links to the pages that ask once more; reading a Secret's values goes at once.

use maud::{Markup, html};
use pilothouse_app::{Offer, Target};
use pilothouse_model::Danger;

use crate::urls;

/// The offers; nothing when there are none.
pub(crate) fn offers(offers: &[Offer], target: &Target, cluster: &str) -> Markup {
    html! {
        @if !offers.is_empty() {
            ul.offers aria-label="Actions" {
                @for offer in offers { li { (one(offer, target, cluster)) } }
            }
        }
    }
}

fn one(offer: &Offer, target: &Target, cluster: &str) -> Markup {
    html! {
        @match offer.id {
            "reveal" => form method="post" action=(urls::reveal(cluster, target)) hx-boost="false" {
                button.button type="submit" { (offer.title) }
            },
            "terminal" => {
                @let page = urls::object(cluster, &target.resource, target.namespace.as_deref(), &target.name);
                a.button href=(page.with("view", "terminal")) { (offer.title) }
            },
            "edit" => a.button href=(urls::edit(cluster, target)) { (offer.title) },
            id => a.button.danger[offer.danger == Danger::Destructive] href=(urls::act(cluster, id, target)) { (offer.title) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn what_is_destructive_looks_so_and_values_are_never_a_link_away() {
        let target = Target::new(&samples::resource("", "v1", "secrets", "Secret"), Some("a"), "k&y");
        let offer = |id, danger| Offer { id, title: "Do it", danger };
        let all = [
            offer("reveal", Danger::Reversible),
            offer("edit", Danger::Disruptive),
            offer("delete", Danger::Destructive),
        ];
        let html = offers(&all, &target, "prod").into_string();
        assert!(
            html.contains(r#"<form method="post" action="/c/prod/reveal/core/v1/secrets/namespaces/a/k%26y""#),
            "{html}"
        );
        assert!(
            html.contains(r#"class="button danger" href="/c/prod/act/delete/core/v1/secrets/namespaces/a/k%26y""#),
            "{html}"
        );
        assert!(html.contains(r#"href="/c/prod/edit/core/v1/secrets/namespaces/a/k%26y""#), "{html}");
        assert_eq!(offers(&[], &target, "prod").into_string(), "");
    }
}
