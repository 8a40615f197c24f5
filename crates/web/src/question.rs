//! A page's question, as its address carries it: `?ns=a,b&q=state:failed&sort=-age&offset=100&wide=1`.

use std::fmt;

use pilothouse_app::{AppError, Ask, ErrorKind, Source, is_events};

use crate::urls::encode_value;

/// Rows on a page when nobody says otherwise.
pub(crate) const PAGE: usize = 100;
/// The most rows on a page.
const LARGEST_PAGE: usize = 1000;

/// Query parameters in the order they came.
pub(crate) type Pairs = Vec<(String, String)>;

/// A question about a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    /// Clusters, for lists over several; none means all.
    pub(crate) clusters: Vec<String>,
    /// Namespaces; none means all.
    pub(crate) namespaces: Vec<String>,
    /// Query text.
    pub(crate) q: String,
    /// Label selector.
    pub(crate) labels: String,
    /// Sort text.
    pub(crate) sort: String,
    /// Rows to skip.
    pub(crate) offset: usize,
    /// Rows wanted, when not [`PAGE`].
    pub(crate) limit: Option<usize>,
    /// Whether to show the columns of the wide view.
    pub(crate) wide: bool,
}

impl Question {
    /// Reads the parameters of a page.
    pub(crate) fn read(pairs: &Pairs) -> Result<Self, AppError> {
        let mut question = Self::default();
        for (name, value) in pairs {
            let value = value.trim();
            match name.as_str() {
                "cluster" => add(&mut question.clusters, value),
                "ns" | "namespace" => add(&mut question.namespaces, value),
                "q" => value.clone_into(&mut question.q),
                "l" | "labelSelector" => value.clone_into(&mut question.labels),
                "sort" => value.clone_into(&mut question.sort),
                "offset" => question.offset = number(name, value)?,
                // A page shows as many as it can; a form may leave the field empty.
                "limit" if value.is_empty() => {}
                "limit" => question.limit = Some(number(name, value)?.clamp(1, LARGEST_PAGE)),
                "wide" => question.wide = value == "1",
                _ => {}
            }
        }
        Ok(question)
    }

    /// Reads the parameters of the API: what a script writes wrong is told, never mended.
    pub(crate) fn read_api(pairs: &Pairs) -> Result<Self, AppError> {
        for (name, value) in pairs {
            let rows = match name.as_str() {
                "offset" => number(name, value.trim()).is_ok() && !value.trim().is_empty(),
                "limit" => number(name, value.trim()).is_ok_and(|rows| (1..=LARGEST_PAGE).contains(&rows)),
                _ => true,
            };
            if !rows {
                let hint = match name.as_str() {
                    "limit" => format!("write a number from 1 to {LARGEST_PAGE}, or leave it out for {PAGE}"),
                    _ => "write how many rows to skip, or leave it out".to_owned(),
                };
                let message = format!("`{name}={value}` is not a number of rows that can be asked for");
                return Err(AppError::new(ErrorKind::BadInput, message).hint(hint));
            }
        }
        Self::read(pairs)
    }

    /// The same as the app room understands it.
    pub(crate) fn ask(&self) -> Ask {
        Ask {
            namespaces: self.namespaces.clone(),
            confined: false,
            q: self.q.clone(),
            labels: self.labels.clone(),
            sort: self.sort.clone(),
            offset: self.offset,
            after: String::new(),
            limit: Some(self.rows()),
            among: None,
        }
    }

    /// The same question of this source: namespaces confine nothing where objects live in none.
    pub(crate) fn of(&self, source: &Source) -> Self {
        match source {
            Source::Resource(resource) if !resource.namespaced => Self { namespaces: Vec::new(), ..self.clone() },
            _ => self.clone(),
        }
    }

    /// The question with the order that people expect of this source when they ask for none: events by when they were last
    /// seen, the newest first.
    pub(crate) fn usual(self, source: &Source) -> Self {
        match source {
            Source::Resource(resource) if self.sort.is_empty() && is_events(resource) => {
                Self { sort: "last-seen".to_owned(), ..self }
            }
            _ => self,
        }
    }

    /// Only its namespaces and columns: what is left of a question that cannot be read.
    pub(crate) fn unasked(&self) -> Self {
        Self {
            clusters: self.clusters.clone(),
            namespaces: self.namespaces.clone(),
            wide: self.wide,
            ..Self::default()
        }
    }

    /// Rows on a page.
    pub(crate) fn rows(&self) -> usize {
        self.limit.unwrap_or(PAGE)
    }

    /// Whether it asks for less than everything.
    pub(crate) fn filters(&self) -> bool {
        !self.namespaces.is_empty() || !self.q.is_empty() || !self.labels.is_empty()
    }

    /// Only its scope: what a link to another page carries along.
    pub(crate) fn scope(&self) -> Self {
        Self { namespaces: self.namespaces.clone(), ..Self::default() }
    }

    /// The same question from this row on.
    pub(crate) fn at(&self, offset: usize) -> Self {
        Self { offset, ..self.clone() }
    }

    /// The parameters in a fixed order, without what is as usual.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let all = [
            ("cluster", text(&self.clusters.join(","))),
            ("ns", text(&self.namespaces.join(","))),
            ("q", text(&self.q)),
            ("l", text(&self.labels)),
            ("sort", text(&self.sort)),
            ("offset", (self.offset > 0).then(|| self.offset.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("wide", self.wide.then(|| "1".to_owned())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl fmt::Display for Question {
    /// As a query string, without the question mark.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.pairs().iter().enumerate() {
            let joint = if index == 0 { "" } else { "&" };
            write!(f, "{joint}{name}={}", encode_value(value))?;
        }
        Ok(())
    }
}

/// Adds the names of a list with commas, each once.
fn add(names: &mut Vec<String>, text: &str) {
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}

fn number(name: &str, value: &str) -> Result<usize, AppError> {
    if value.is_empty() {
        return Ok(0);
    }
    value.parse().map_err(|_| {
        AppError::new(ErrorKind::BadInput, format!("`{name}={value}` is not a number of rows"))
            .hint(format!("write {name}=100, or leave it out"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_question_survives_its_address() {
        let question = Question {
            clusters: vec!["prod".into(), "lab".into()],
            namespaces: vec!["team-a".into(), "team-b".into()],
            q: "state:failed gpu:>0 label:app=train & more".into(),
            labels: "app in (a,b)".into(),
            sort: "-age,name".into(),
            offset: 200,
            limit: Some(50),
            wide: true,
        };
        let text = question.to_string();
        let read: Pairs = text
            .split('&')
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name.to_owned(), percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
            })
            .collect();
        assert_eq!(Question::read(&read).unwrap(), question);
    }

    #[test]
    fn a_form_repeats_a_name_and_an_address_uses_commas() {
        let form = Question::read(&pairs(&[("ns", "a"), ("ns", "b,a"), ("ns", ""), ("other", "x")])).unwrap();
        assert_eq!(form.namespaces, ["a", "b"]);
        assert_eq!(form.to_string(), "ns=a,b");
        assert_eq!(Question::default().to_string(), "");
    }

    #[test]
    fn a_number_that_is_none_is_told() {
        let error = Question::read(&pairs(&[("offset", "-1")])).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadInput);
        assert_eq!(error.message, "`offset=-1` is not a number of rows");
        assert_eq!(Question::read(&pairs(&[("limit", "99999")])).unwrap().limit, Some(1000));
    }

    #[test]
    fn pages_and_the_api_know_both_names() {
        for read in [Question::read, Question::read_api] {
            let asked = read(&pairs(&[("namespace", "a"), ("labelSelector", "x=y"), ("ns", "b")])).unwrap();
            assert_eq!((asked.namespaces.join(","), asked.labels.as_str()), ("a,b".to_owned(), "x=y"));
            assert_eq!(read(&pairs(&[("l", "x=y")])).unwrap().labels, "x=y");
        }
    }

    #[test]
    fn the_api_refuses_numbers_of_rows_that_pages_mend() {
        for bad in ["0", "", "1001", "-1", "many"] {
            let error = Question::read_api(&pairs(&[("limit", bad)])).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadInput, "{bad}");
            assert!(error.hint.unwrap().contains("from 1 to 1000"), "{bad}");
        }
        assert!(Question::read_api(&pairs(&[("offset", "")])).is_err());
        assert_eq!(Question::read_api(&pairs(&[("limit", "1000")])).unwrap().limit, Some(1000));
        assert_eq!(Question::read(&pairs(&[("limit", "")])).unwrap().limit, None);
        assert_eq!(Question::read(&pairs(&[("limit", "0")])).unwrap().limit, Some(1));
    }

    #[test]
    fn events_come_newest_first_unless_asked_otherwise() {
        let events = Source::Resource(crate::samples::resource("", "v1", "events", "Event"));
        let pods = Source::Resource(crate::samples::resource("", "v1", "pods", "Pod"));
        assert_eq!(Question::default().usual(&events).sort, "last-seen");
        assert_eq!(Question::default().usual(&pods).sort, "");
        let named = Question { sort: "name".into(), ..Question::default() };
        assert_eq!(named.usual(&events).sort, "name");
    }
}
