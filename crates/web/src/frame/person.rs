//! Who is signed in, at the end of the top bar.

use maud::{Markup, html};

use super::Frame;
use crate::components::icon::icon;
use crate::urls;

impl Frame {
    /// Who one is for each cluster, the ways in where one is nobody, and the way out.
    pub(super) fn person_menu(&self) -> Markup {
        let Some(signed_in) = &self.signed_in else { return html! {} };
        let here = self.cluster.as_ref().map(|cluster| cluster.name.as_str());
        let name =
            |cluster: &str| signed_in.0.iter().find(|(known, _)| known == cluster).map(|(_, name)| name.as_str());
        let shown = here.and_then(name).or(signed_in.0.first().map(|(_, name)| name.as_str())).unwrap_or_default();
        html! {
            // Leaving and entering change everything on the page: the browser does it, not the script.
            details.picker.person #person "hx-boost:inherited"="false" {
                summary aria-label={ "Signed in as " (shown) } title=(shown) { span.value { (shown) } (icon("down")) }
                div.menu {
                    ul.options {
                        @for view in &self.clusters {
                            @let cluster = view.id.as_str();
                            li {
                                @match name(cluster) {
                                    Some(name) => span { (cluster) small { (name) } },
                                    None => a href=(urls::sign_in(urls::cluster(cluster).as_str())) { (cluster) small { "Sign in" } },
                                }
                            }
                        }
                    }
                    form.actions method="post" action="/sign-out" hx-boost="false" { button.button type="submit" { "Sign out" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Question;
    use crate::samples;
    use crate::signin::SignedIn;

    #[test]
    fn it_says_who_one_is_and_where_one_is_nobody() {
        let frame = |signed_in| Frame {
            now: pilothouse_model::Timestamp::UNIX_EPOCH,
            theme: None,
            path: "/clusters".into(),
            signed_in,
            clusters: samples::clusters(),
            cluster: None,
            everywhere: Vec::new(),
            question: Question::default(),
        };
        assert_eq!(frame(None).person_menu().into_string(), "");
        let html = frame(Some(SignedIn(vec![("prod".into(), "<ada>".into())]))).person_menu().into_string();
        assert!(
            html.contains("Signed in as &lt;ada&gt;\" title=\"&lt;ada&gt;\"") && html.contains("action=\"/sign-out\""),
            "{html}"
        );
        // htmx 4 passes on to what stands within only what is said to be inherited; else the script would do it after all.
        assert!(html.contains("hx-boost:inherited=\"false\""), "{html}");
        assert!(html.contains("action=\"/sign-out\" hx-boost=\"false\""), "{html}");
        assert_eq!(html.matches("Sign in</small>").count(), samples::clusters().len() - 1, "{html}");
    }
}
