//! YAML with a little colour.

use maud::{Markup, html};

/// The text of one object, coloured line by line, with a button to copy it.
pub(crate) fn yaml(text: &str) -> Markup {
    html! {
        section.card.yaml aria-label="YAML" {
            button.button.copy.needs-script type="button" data-copy="yaml" { span { "Copy" } }
            pre id="yaml" tabindex="0" { code { @for line in lines(text) { (line) "\n" } } }
        }
    }
}

/// Every line, coloured. Text blocks (`key: |`) are text whatever they look like.
fn lines(text: &str) -> impl Iterator<Item = Markup> {
    let mut block: Option<usize> = None;
    text.lines().map(move |line| {
        let indent = line.len() - line.trim_start().len();
        if let Some(outer) = block {
            if line.trim().is_empty() || indent > outer {
                return html! { span.string { (line) } };
            }
            block = None;
        }
        let (marks, rest) = list_marks(line);
        match key(rest) {
            Some((key, value)) => {
                if value.trim_start().starts_with(['|', '>']) {
                    block = Some(indent);
                }
                html! { (marks) span.key { (key) } span.punctuation { ":" } (scalar(value)) }
            }
            None => html! { (marks) (scalar(rest)) },
        }
    })
}

/// Indent and `- ` marks, and what follows.
fn list_marks(line: &str) -> (&str, &str) {
    let mut end = line.len() - line.trim_start().len();
    while line[end..].starts_with("- ") {
        end += 2 + (line[end + 2..].len() - line[end + 2..].trim_start().len());
    }
    line.split_at(end)
}

/// `key: value` or `key:`, when the line begins with a key.
fn key(text: &str) -> Option<(&str, &str)> {
    let end = if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        text[1..].find(quote).map(|at| at + 2)?
    } else {
        text.find(": ").or_else(|| text.strip_suffix(':').map(str::len))?
    };
    let (key, rest) = text.split_at(end);
    let value = rest.strip_prefix(':')?;
    (value.is_empty() || value.starts_with(' ')).then_some((key, value))
}

fn scalar(text: &str) -> Markup {
    let bare = text.trim();
    let is_literal = matches!(bare, "true" | "false" | "null" | "~" | "{}" | "[]") || bare.parse::<f64>().is_ok();
    html! {
        @if bare.is_empty() { (text) } @else if is_literal { span.literal { (text) } } @else { span.string { (text) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "kind: Pod\nmetadata:\n  labels:\n    \"app.kubernetes.io/name\": web\n  annotations:\n    note: |\n      key: not a key\n\n      - text\nspec:\n  containers:\n  - name: main\n    args:\n    - --flag=1\n    - - nested\n    ports: []\n    replicas: 3\n    url: http://x:80/y\n    odd: 'it''s'\n";

    fn plain(html: &str) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in html.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    #[test]
    fn colour_changes_no_text() {
        for text in [SAMPLE, "", "- a\n- b: 1\n", "\"un\nclosed: \"\n", "- - - x: |\n  y\n", "ü: ä\n"] {
            let shown: String = lines(text).map(|line| plain(&line.into_string()) + "\n").collect();
            assert_eq!(shown, text);
        }
    }

    #[test]
    fn keys_values_and_blocks_are_told_apart() {
        let shown: Vec<_> = lines(SAMPLE).map(Markup::into_string).collect();
        assert_eq!(
            shown[0],
            r#"<span class="key">kind</span><span class="punctuation">:</span><span class="string"> Pod</span>"#
        );
        assert_eq!(shown[6], r#"<span class="string">      key: not a key</span>"#);
        assert!(shown[9].contains("key\">spec"), "{}", shown[9]);
        assert!(shown[16].contains(r#"literal"> 3"#), "{}", shown[16]);
        assert!(shown[17].contains(r#"string"> http://x:80/y"#), "{}", shown[17]);
    }
}
