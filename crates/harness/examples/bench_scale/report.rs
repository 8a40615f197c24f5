//! The figures: what they must be, what they are, and whether that holds.

use serde_json::{Value, json};

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Figure {
    what: String,
    must: String,
    measured: String,
    /// Whether it is as it must be; `None` where nothing is asked for, or it could not be measured.
    holds: Option<bool>,
}

/// The middle and the far end of many measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            values.get(((values.len() as f64 * share) as usize).min(values.len().checked_sub(1)?)).copied()
        };
        Some(Self { count: values.len(), median: at(0.5)?, p99: at(0.99)?, most: at(1.0)? })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.1}, p99 {:.1}, most {:.1} ms ({} measured)", self.median, self.p99, self.most, self.count)
    }
}

impl Report {
    /// A figure with a bound that `value` must not exceed.
    pub(crate) fn at_most(&mut self, what: &str, (value, bound, unit): (f64, f64, &str), more: &str) {
        let digits = if bound < 10.0 { 2 } else { 1 };
        let more = if more.is_empty() { String::new() } else { format!("; {more}") };
        self.add(what, &format!("<= {bound} {unit}"), format!("{value:.digits$} {unit}{more}"), Some(value <= bound));
    }

    /// A figure that stands beside the others for comparison.
    pub(crate) fn beside(&mut self, what: &str, measured: String) {
        self.add(what, "-", measured, None);
    }

    pub(crate) fn add(&mut self, what: &str, must: &str, measured: String, holds: Option<bool>) {
        let word = match holds {
            Some(true) => "holds",
            Some(false) => "MISSES",
            None => "-",
        };
        println!("  {what}: {measured} [{word}]");
        self.figures.push(Figure { what: what.to_owned(), must: must.to_owned(), measured, holds });
    }

    /// Something to know about the run: a phase that failed, a question that was skipped.
    pub(crate) fn note(&mut self, text: String) {
        println!("  ! {text}");
        self.notes.push(text);
    }

    /// The table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = "| what | must be | measured | holds |\n|---|---|---|---|\n".to_owned();
        for figure in &self.figures {
            let holds = figure.holds.map_or("-", |holds| if holds { "yes" } else { "**no**" });
            text.push_str(&format!("| {} | {} | {} | {holds} |\n", figure.what, figure.must, figure.measured));
        }
        for note in &self.notes {
            text.push_str(&format!("\n! {note}\n"));
        }
        let missed = self.figures.iter().filter(|figure| figure.holds == Some(false)).count();
        let asked = self.figures.iter().filter(|figure| figure.holds.is_some()).count();
        text.push_str(&format!(
            "\n{} of {asked} figures hold, {missed} miss, {} notes.\n",
            asked - missed,
            self.notes.len()
        ));
        text
    }

    pub(crate) fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| json!({"what": figure.what, "must": figure.must, "measured": figure.measured, "holds": figure.holds}))
            .collect();
        json!({"figures": figures, "notes": self.notes})
    }
}
