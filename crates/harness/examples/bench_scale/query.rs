//! Questions: any filter, order and page, over HTTP as HTML, and in process.

use std::path::Path;
use std::time::{Duration, Instant};

use pilothouse_app::{Ask, Contexts, Engine, Source};

use crate::console::{CONTEXT, Door};
use crate::outcome::Outcome;
use crate::population::Population;
use crate::probe::own_time;
use crate::report::{Report, Spread};

/// How often each question is asked, each time a little differently.
const ROUNDS: u64 = 200;
/// How long the servers may clear up after they have served everything once more, for the measuring program itself.
const CLEARING_UP: Duration = Duration::from_secs(10);

/// One kind of question; `{n}` is another number each time, `{team}` another namespace.
struct Question {
    what: &'static str,
    list: &'static str,
    q: &'static str,
    labels: &'static str,
    sort: &'static str,
    /// Where the page begins, as a share of the whole answer.
    at: f64,
}

const fn pods(what: &'static str, q: &'static str, sort: &'static str) -> Question {
    Question { what, list: "pods", q, labels: "", sort, at: 0.0 }
}

const QUESTIONS: [Question; 18] = [
    pods("everything", "", ""),
    pods("state", "state:failed,error,oomkilled", "-age"),
    pods("mixed", "ns:{team} label:tier=gpu (state:pending OR restarts:>{n}) age:<2h", "-age"),
    pods("free text", "llama insufficient", "name"),
    pods("free text, rare", "train-llama-{n}", ""),
    pods("free text, nothing found", "nosuchthing{n}", ""),
    pods("glob", "name:train-*-1{n}*", "-restarts"),
    pods("regex", "name:/^(train|eval)-.*{n}-[0-9]+-[b-d]/", "name"),
    pods("numbers, two sort keys", "restarts:>{n}", "-restarts,name"),
    pods("three sort keys", "", "status,-restarts,namespace"),
    pods("OR, NOT", "(state:running OR level:error) -name:*bert*{n}", "-age,name"),
    pods("wide column", "node:node-00{n}*", "node,-age"),
    Question { labels: "tier=cpu,rank in (1,2),release!=r{n}", ..pods("label selector", "", "label:release") },
    Question { at: 1.0, ..pods("last page", "", "-age") },
    Question { at: 0.5, ..pods("middle page, filtered", "state:running", "-node,name") },
    Question { list: "workloads", ..pods("workloads, mixed", "gpu:>{n} -state:failed age:<2h", "-gpu,-age") },
    Question { list: "workloads", ..pods("workloads, text", "whisper {n}", "name") },
    Question { list: "events", ..pods("events", "FailedScheduling OR type:warning", "last-seen") },
];

impl Question {
    fn with(&self, text: &str, round: u64) -> String {
        let team = Population::namespace(round % 4);
        text.replace("{n}", &(round % 10).to_string()).replace("{team}", &team)
    }

    fn ask(&self, round: u64, offset: usize) -> Ask {
        Ask {
            q: self.with(self.q, round),
            labels: self.with(self.labels, round),
            sort: self.sort.to_owned(),
            offset,
            limit: Some(100),
            ..Ask::default()
        }
    }

    fn parameters(&self, round: u64, offset: usize) -> Outcome<String> {
        let ask = self.ask(round, offset);
        let pairs = [("q", ask.q), ("l", ask.labels), ("sort", ask.sort), ("offset", offset.to_string())];
        let url =
            reqwest::Url::parse_with_params("http://console", pairs.iter().filter(|(_, value)| !value.is_empty()))?;
        Ok(url.query().unwrap_or_default().to_owned())
    }

    fn page(&self, parameters: &str) -> String {
        match self.list {
            "workloads" => format!("/c/{CONTEXT}/workloads?{parameters}"),
            list => format!("/c/{CONTEXT}/r/core/v1/{list}?{parameters}"),
        }
    }

    fn offset(&self, total: usize) -> usize {
        (total.saturating_sub(100) as f64 * self.at) as usize
    }
}

/// How large the whole answer is; an error when the language does not know the question.
async fn total(door: &Door, question: &Question) -> Outcome<usize> {
    let parameters = question.parameters(1, 0)?.replace("offset=0", "limit=1");
    let path = match question.list {
        "workloads" => format!("/api/v1/clusters/{CONTEXT}/workloads?{parameters}"),
        list => format!("/api/v1/clusters/{CONTEXT}/resources/core/v1/{list}?{parameters}"),
    };
    let answer = door.json(&path).await?;
    Ok(answer["total"].as_u64().ok_or("an answer without a total")? as usize)
}

/// Over HTTP as HTML.
pub(crate) async fn over_http(door: &Door, report: &mut Report) -> Outcome<()> {
    let mut worst: Option<(Spread, &str)> = None;
    let mut all = Vec::new();
    for question in &QUESTIONS {
        let total = match total(door, question).await {
            Ok(total) => total,
            Err(error) => {
                report.note(format!("the question \"{}\" was not asked: {error}", question.what));
                continue;
            }
        };
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let path = question.page(&question.parameters(round, question.offset(total))?);
            times.push(door.page(&path).await?.1);
        }
        all.extend_from_slice(&times);
        let spread = Spread::of(times).ok_or("no rounds")?;
        println!("  HTTP, {} ({total} rows): {spread}", question.what);
        if worst.is_none_or(|(known, _)| known.p99 < spread.p99) {
            worst = Some((spread, question.what));
        }
    }
    tell(report, "filter, sort and page over HTTP as HTML, p99", 25.0, (all, worst))
}

fn tell(report: &mut Report, what: &str, bound: f64, (all, worst): (Vec<f64>, Option<(Spread, &str)>)) -> Outcome<()> {
    let (worst, name) = worst.ok_or("no question could be asked")?;
    let all = Spread::of(all).ok_or("no question could be asked")?;
    let more = format!("the slowest kind: {name} ({worst}); all kinds: {all}");
    report.at_most(what, (worst.p99, bound, "ms"), &more);
    Ok(())
}

/// In process: an engine of this program, which reads the same cluster.
pub(crate) async fn in_process(kubeconfig: &Path, report: &mut Report) -> Outcome<()> {
    let engine = Engine::new(Contexts::load(Some(kubeconfig.to_path_buf()), Some(CONTEXT.to_owned()))?);
    let cluster = engine.cluster(CONTEXT)?;
    let patience = Duration::from_secs(600);
    let catalog = cluster.wait_catalog(patience).await?;
    let source = |list: &str| -> Outcome<Source> {
        match list {
            "workloads" => Ok(Source::Workloads),
            list => Ok(Source::Resource(catalog.resource("core", "v1", list)?)),
        }
    };
    for list in ["pods", "workloads", "events"] {
        let listing = cluster.list_settled(&source(list)?, &Ask { limit: Some(1), ..Ask::default() }, patience).await?;
        println!("  in process: {} {list}", listing.total);
    }
    tokio::time::sleep(CLEARING_UP).await;
    let mut worst: Option<(Spread, &str)> = None;
    let mut all = Vec::new();
    for question in &QUESTIONS {
        let source = source(question.list)?;
        let Ok(first) = cluster.list(&source, &question.ask(1, 0)) else { continue };
        let (mut times, mut own) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let ask = question.ask(round, question.offset(first.total));
            let (started, spent) = (Instant::now(), own_time()?);
            cluster.list(&source, &ask)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            own.push(own_time()? - spent);
        }
        all.extend_from_slice(&times);
        let (spread, own) = (Spread::of(times).ok_or("no rounds")?, Spread::of(own).ok_or("no rounds")?);
        let name = question.what;
        println!(
            "  in process, {name} ({} rows): {spread}; own p50 {:.1}, p99 {:.1} ms",
            first.total, own.median, own.p99
        );
        if worst.is_none_or(|(known, _)| known.p99 < spread.p99) {
            worst = Some((spread, question.what));
        }
    }
    engine.shutdown();
    tell(report, "filter, sort and page in process, p99", 10.0, (all, worst))
}
