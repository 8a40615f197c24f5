//! Lists: `/c/{cluster}/workloads` and `/c/{cluster}/r/{group}/{version}/{plural}`.

use axum::response::Response;
use maud::{Markup, html};
use pilothouse_app::{AppError, Catalog, Cluster, ErrorKind, Listing, Source};
use pilothouse_model::{Level, Resource};

use crate::components::facets::{self, Asked};
use crate::components::freshness::notice;
use crate::components::icon::icon;
use crate::components::listing::{Listed, listing, thousands};
use crate::components::namespaces::strangers;
use crate::components::prose::sentence;
use crate::components::scene::Scene;
use crate::frame::Content;
use crate::question::{Pairs, Question};
use crate::urls::{self, Url};
use crate::visit::{PATIENCE, Visit};

/// `/c/{cluster}/workloads`
pub(crate) async fn workloads(visit: Visit) -> Response {
    let result = match visit.cluster() {
        Ok(cluster) => all_workloads(&visit, &cluster).await,
        Err(error) => Err(error),
    };
    visit.answer(result)
}

/// `/c/{cluster}/r/{group}/{version}/{plural}`
pub(crate) async fn resource(visit: Visit) -> Response {
    visit.answer(of_resource(&visit).await)
}

async fn all_workloads(visit: &Visit, cluster: &Cluster) -> Result<Content, AppError> {
    cluster.wait_catalog(PATIENCE).await?;
    let here = urls::workloads(cluster.id().as_str());
    let about = About {
        title: "Workloads".to_owned(),
        note: "Everything that runs, of all kinds, in one shape.".to_owned(),
        example: "state:failed gpu:>0 age:<2h",
    };
    page(visit, cluster, Source::Workloads, (here, about)).await
}

async fn of_resource(visit: &Visit) -> Result<Content, AppError> {
    let cluster = visit.cluster()?;
    let resource = visit.resource(&cluster).await?;
    let title = match cluster.catalog() {
        Some(catalog) => title_of(&catalog, &resource),
        None => resource.kind.to_string(),
    };
    if !resource.offers("list") {
        return Err(AppError::new(
            ErrorKind::NotFound,
            format!("{title} cannot be listed: the API server does not offer it"),
        ));
    }
    let here = urls::list(cluster.id().as_str(), &resource);
    let note = format!("{} · {}", resource.kind, resource.api_version());
    let example = if resource.namespaced { "name, namespace, label, field:value" } else { "name, label, field:value" };
    page(visit, &cluster, Source::Resource(resource), (here, About { title, note, example })).await
}

/// The plural name for people, as the navigation shows it.
pub(crate) fn title_of(catalog: &Catalog, resource: &Resource) -> String {
    catalog
        .navigation()
        .into_iter()
        .flat_map(|group| group.items)
        .find(|item| item.resource.group == resource.group && item.resource.plural == resource.plural)
        .map_or_else(|| resource.kind.to_string(), |item| item.title)
}

/// What a list is about.
pub(super) struct About {
    /// Heading.
    pub(super) title: String,
    /// A sentence below it.
    pub(super) note: String,
    /// What the search field suggests.
    pub(super) example: &'static str,
}

async fn page(visit: &Visit, cluster: &Cluster, source: Source, about: (Url, About)) -> Result<Content, AppError> {
    let (here, about) = about;
    let asked = visit.question()?;
    let question = asked.of(&source).usual(&source);
    let (answer, counts, wrong) = match cluster.list_counted(&source, &question.ask(), PATIENCE).await {
        Ok((answer, counts)) => (answer, Some(counts), None),
        // A question that cannot be read is told beside the field it was typed into; the rows stay, without it.
        Err(error) if error.kind == ErrorKind::BadInput => {
            let plain = question.unasked().usual(&source);
            (cluster.list_settled(&source, &plain.ask(), PATIENCE).await?, None, Some(error))
        }
        Err(error) => return Err(error),
    };
    let strangers = html! { (strangers(cluster, &question.namespaces)) (oddities(&visit.pairs, question.rows())) };
    let empty = format!("No {}", about.title);
    let listed =
        Listed { source: &source, question: &question, here: Some(here.clone()), label: &about.title, empty: &empty };
    let told = html! {
        (strangers)
        @if let Some(counts) = counts {
            @let asked = Asked { here: &here, question: &question, columns: &answer.columns };
            (facets::strip(&counts, &asked, &urls::watch_counts(&source, &question)))
        }
    };
    let body =
        visit.scene(cluster, asked.scope(), |scene| view(&listed, &about, (&answer, wrong.as_ref(), &told), scene));
    let scoped = listed.namespaced().then_some(here);
    Ok(Content { title: about.title, body, scoped, waits: false })
}

fn view(
    listed: &Listed<'_>,
    about: &About,
    (answer, wrong, told): (&Listing, Option<&AppError>, &Markup),
    scene: &Scene<'_>,
) -> Markup {
    html! {
        div.list-page {
            div.head { div { h1 { (about.title) } p.summary { (about.note) } } }
            (toolbar(listed, about, wrong.is_some(), scene.cluster))
            (told)
            @match wrong {
                Some(error) => {
                    (question_error(error, listed))
                    @let plain = listed.question.unasked().usual(listed.source);
                    @let title = html! { span.soft { "Without the question:" } };
                    (listing(&Listed { question: &plain, here: listed.here.clone(), ..*listed }, answer, (&title, &html! {}), scene))
                }
                None => (listing(listed, answer, (&html! {}, &html! {}), scene)),
            }
        }
    }
}

/// Says where a page does not do what its address asks for.
pub(super) fn oddities(pairs: &Pairs, shown: usize) -> Markup {
    let asked = pairs.iter().rev().find(|(name, _)| name == "limit").map(|(_, value)| value.as_str());
    html! { (doubled(pairs)) (clamped(asked, shown)) }
}

/// Says when a page shows another number of rows than its address asks for.
fn clamped(asked: Option<&str>, shown: usize) -> Markup {
    let other = asked.map(str::trim).filter(|asked| !asked.is_empty() && asked.parse() != Ok(shown));
    html! {
        @if let Some(asked) = other {
            (notice(Level::Warning, &format!("A page shows 1 to 1,000 rows, not {asked}: here at most {}.", thousands(shown)), ""))
        }
    }
}

/// Says when an address gives a parameter several values of which only the last counts. Namespaces and clusters add up, as a
/// form sends them, and the page names them all.
pub(super) fn doubled(pairs: &Pairs) -> Markup {
    let single = [&["q"][..], &["l", "labelSelector"], &["sort"], &["offset"], &["limit"], &["wide"]];
    html! {
        @for names in single {
            @let mut given = pairs.iter().filter(|(name, _)| names.contains(&name.as_str())).rev();
            @if let Some((name, last)) = given.next() && given.any(|(_, before)| before != last) {
                (notice(Level::Warning, &format!("The address gives {name} more than once: only {last:?}, the last, counts."), ""))
            }
        }
    }
}

/// The field that filters a list; `complete` says where its text is completed.
pub(super) fn filter(here: &Url, question: &Question, about: &About, (complete, wrong): (&Url, bool)) -> Markup {
    let kept = Question { q: String::new(), offset: 0, ..question.clone() };
    html! {
        form action=(here) method="get" role="search" {
            @for (name, value) in kept.pairs() { input type="hidden" name=(name) value=(value); }
            div.field {
                (icon("search"))
                input #q type="search" name="q" value=(question.q) placeholder=(about.example) aria-label={ "Filter " (about.title) }
                    data-complete=(complete)
                    aria-invalid=[wrong.then_some("true")] autocomplete="off" spellcheck="false" autocapitalize="off";
                kbd.needs-script { "/" }
            }
            button.button { "Filter" }
        }
    }
}

fn toolbar(listed: &Listed<'_>, about: &About, wrong: bool, cluster: &str) -> Markup {
    let Some(here) = &listed.here else { return html! {} };
    let question = listed.question;
    let widened = Question { wide: !question.wide, ..question.clone() };
    html! {
        div.toolbar {
            (filter(here, question, about, (&urls::complete(cluster, listed.source, question), wrong)))
            @if question.filters() { a.button.plain href=(here.ask(&Question { sort: question.sort.clone(), wide: question.wide, ..Question::default() })) { "Clear" } }
            a.button href=(here.ask(&widened)) { @if question.wide { "Fewer columns" } @else { "All columns" } }
        }
    }
}

/// What is wrong with the question, where, and what was likely meant.
pub(super) fn question_error(error: &AppError, listed: &Listed<'_>) -> Markup {
    let (text, span) = error.span.clone().unwrap_or_default();
    let parts = (text.get(..span.start), text.get(span.clone()), text.get(span.end..));
    html! {
        div.question-error role="alert" {
            p { (sentence(&error.message)) }
            @if let (Some(before), Some(wrong), Some(after)) = parts { p { code { (before) mark { (wrong) } (after) } } }
            @match mended(error, listed) {
                Some((url, text)) => p { "Did you mean " a href=(url) { code { (text) } } "?" },
                None => @if let Some(hint) = &error.hint { p { (sentence(hint)) } },
            }
        }
    }
}

/// The question with the suggestion in place of the words that were wrong.
fn mended(error: &AppError, listed: &Listed<'_>) -> Option<(Url, String)> {
    let (here, (text, span), word) = (listed.here.as_ref()?, error.span.as_ref()?, error.replacement.as_ref()?);
    let text = format!("{}{word}{}", text.get(..span.start)?, text.get(span.end..)?);
    let question = listed.question;
    let mended = if error.span.as_ref()?.0 == question.sort && question.sort != question.q {
        Question { sort: text.clone(), ..question.clone() }
    } else {
        Question { q: text.clone(), ..question.clone() }
    };
    Some((here.ask(&mended), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn about() -> About {
        About { title: "Pods".into(), note: "Pod · v1".into(), example: "name" }
    }

    fn html(question: &Question, wrong: Option<&AppError>) -> String {
        let source = Source::Resource(samples::resource("", "v1", "pods", "Pod"));
        let here = Some(urls::list("prod", &samples::resource("", "v1", "pods", "Pod")));
        let listed = Listed { source: &source, question, here, label: "Pods", empty: "No Pods" };
        samples::with_scene(|scene| {
            view(&listed, &about(), (&samples::listing(), wrong, &Markup::default()), scene).into_string()
        })
    }

    #[test]
    fn a_list_is_rendered_the_same_twice() {
        let question = Question { sort: "-age".into(), ..Question::default() };
        assert_eq!(html(&question, None), html(&question, None));
        insta::assert_snapshot!(samples::pretty(&html(&question, None)));
    }

    #[test]
    fn data_from_the_cluster_is_escaped() {
        let html = html(&Question { q: "\"><script>".into(), ..Question::default() }, None);
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("&lt;img src=x&gt;"), "{html}");
    }

    #[test]
    fn a_number_of_rows_that_cannot_be_shown_is_told() {
        assert_eq!(clamped(None, 100).into_string(), "");
        assert_eq!(clamped(Some("50"), 50).into_string(), "");
        assert!(clamped(Some("0"), 1).into_string().contains("not 0: here at most 1."));
        assert!(clamped(Some("5000"), 1000).into_string().contains("not 5000: here at most 1,000."));
    }

    #[test]
    fn an_address_that_says_something_twice_is_told() {
        let told = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            oddities(&pairs, 100).into_string()
        };
        for fine in
            [&[("ns", "a"), ("namespace", "b"), ("cluster", "x"), ("cluster", "y")][..], &[("q", "a"), ("q", "a")]]
        {
            assert_eq!(told(fine), "", "{fine:?}");
        }
        let labels = told(&[("l", "a=b"), ("q", "x"), ("labelSelector", "<c>")]);
        assert!(
            labels.contains("gives labelSelector more than once: only &quot;&lt;c&gt;&quot;, the last, counts."),
            "{labels}"
        );
        assert_eq!(
            told(&[("q", "a"), ("q", "b"), ("sort", "name"), ("sort", "-age")]).matches("more than once").count(),
            2
        );
        // What is clamped is the one that counts.
        assert!(told(&[("limit", "50"), ("limit", "100")]).matches("A page shows").count() == 0);
    }

    #[test]
    fn a_wrong_word_is_pointed_at_and_mended() {
        let question = Question { q: "stat:failed oom".into(), ..Question::default() };
        let error = AppError {
            kind: ErrorKind::BadInput,
            message: "there is no field `stat`".into(),
            hint: Some("did you mean `state`?".into()),
            span: Some(("stat:failed oom".into(), 0..4)),
            replacement: Some("state".into()),
        };
        let html = html(&question, Some(&error));
        assert!(html.contains("<mark>stat</mark>:failed oom"), "{html}");
        assert!(html.contains("q=state:failed%20oom"), "{html}");
        assert!(html.contains(r#"aria-invalid="true""#) && html.contains("Without the question"), "{html}");
        assert_eq!(html.matches("<tr id=").count(), 3, "the rows stay: {html}");
    }
}
