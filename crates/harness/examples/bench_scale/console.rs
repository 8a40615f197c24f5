//! The console as browsers and scripts see it.

use std::path::Path;
use std::time::{Duration, Instant};

use pilothouse_harness::Console;
use serde_json::Value;

use crate::outcome::Outcome;
use crate::unpacked::{ACCEPTED, Unpacked};

/// The context of the kubeconfig.
pub(crate) const CONTEXT: &str = "admin";
/// How long an answer may take before it counts as an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running console and a way to ask it.
pub(crate) struct Open {
    program: Console,
    door: Door,
}

/// Asks a console. Cloning shares its connections.
#[derive(Clone)]
pub(crate) struct Door {
    base: String,
    pass: Pass,
    client: reqwest::Client,
}

/// What a request shows to come in.
#[derive(Clone)]
enum Pass {
    /// The launch secret of a console for one person.
    Launch(String),
    /// Nothing yet, and later the cookie that came of signing in.
    Session(String),
}

impl Open {
    pub(crate) fn start(kubeconfig: &Path) -> Outcome<Self> {
        let program = Console::serve(kubeconfig);
        let (base, secret) = program.url().split_once("/?launch=").ok_or("the address has no secret")?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let door = Door { base: base.to_owned(), pass: Pass::Launch(secret.to_owned()), client };
        Ok(Self { program, door })
    }

    /// A console for many people, deployed as the guide says; the door is that of the person with this token.
    pub(crate) async fn shared(kubeconfig: &Path, token: &str) -> Outcome<Self> {
        let kubeconfig = kubeconfig.to_str().ok_or("paths are UTF-8")?;
        let program =
            Console::start(&["serve", "--shared", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--no-open"]);
        let base = program.url().trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let nobody = Door { base, pass: Pass::Session(String::new()), client };
        Ok(Self { program, door: nobody.sign_in(token).await? })
    }

    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }
}

impl Door {
    /// The same console through connections of its own.
    pub(crate) fn another(&self) -> Outcome<Self> {
        Ok(Self { client: reqwest::Client::builder().no_proxy().build()?, ..self.clone() })
    }

    /// The same console as the person with this token sees it, through connections of its own.
    pub(crate) async fn sign_in(&self, token: &str) -> Outcome<Self> {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let request = client.post(format!("{}/sign-in", self.base)).header("origin", &self.base);
        let form = format!("cluster={CONTEXT}&token={token}");
        let answer = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await?;
        let cookie = answer.headers().get("set-cookie").and_then(|set| set.to_str().ok()?.split(';').next());
        let cookie = cookie.ok_or_else(|| format!("signing in: {}", answer.status()))?.to_owned();
        Ok(Self { base: self.base.clone(), pass: Pass::Session(cookie), client })
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.get(format!("{}{path}", self.base));
        let request = match &self.pass {
            Pass::Launch(secret) => request.bearer_auth(secret),
            Pass::Session(cookie) => request.header("cookie", cookie),
        };
        request.header("accept-encoding", ACCEPTED)
    }

    /// A page, whole, and how many milliseconds it took.
    pub(crate) async fn page(&self, path: &str) -> Outcome<(String, f64)> {
        let started = Instant::now();
        let mut response = self.request(path).timeout(PATIENCE).send().await?;
        let status = response.status();
        let (mut unpacked, mut text) = (Unpacked::of(&response)?, Vec::new());
        while let Some(chunk) = response.chunk().await? {
            unpacked.read(&chunk, &mut text)?;
        }
        let text = String::from_utf8(text)?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {}", text.chars().take(300).collect::<String>()).into());
        }
        Ok((text, started.elapsed().as_secs_f64() * 1e3))
    }

    /// An answer of the API.
    pub(crate) async fn json(&self, path: &str) -> Outcome<Value> {
        Ok(serde_json::from_str(&self.page(path).await?.0)?)
    }

    /// A stream of events.
    pub(crate) async fn stream(&self, path: &str) -> Outcome<Stream> {
        let response = self.request(path).header("accept", "text/event-stream").send().await?.error_for_status()?;
        Ok(Stream { unpacked: Unpacked::of(&response)?, response, text: Vec::new(), bytes: 0 })
    }

    /// The stream of the list on a page, opened as the page's own script does.
    pub(crate) async fn follow(&self, page: &str) -> Outcome<Stream> {
        let html = self.page(page).await?.0;
        let watch = watched(&html).ok_or_else(|| format!("{page} follows no list"))?;
        let url = reqwest::Url::parse_with_params(&format!("{}/c/{CONTEXT}/live", self.base), [("watch", watch)])?;
        self.stream(&url.as_str()[self.base.len()..]).await
    }
}

/// What the page says that its script should follow.
fn watched(html: &str) -> Option<String> {
    html.split("data-watch=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|text| text.replace("&amp;", "&").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">"))
        .find(|text| text.starts_with("r/") || text.starts_with("workloads"))
}

/// Server-sent events as they arrive.
pub(crate) struct Stream {
    response: reqwest::Response,
    unpacked: Unpacked,
    text: Vec<u8>,
    /// Bytes read so far, as they come.
    pub(crate) bytes: u64,
}

impl Stream {
    /// The data of the next event; `None` when the stream is over.
    pub(crate) async fn next(&mut self) -> Outcome<Option<Value>> {
        loop {
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.text.drain(..end + 2).collect();
                let event = String::from_utf8_lossy(&event).into_owned();
                let data: String =
                    event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
                if !data.is_empty() {
                    return Ok(Some(serde_json::from_str(&data)?));
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => {
                    self.bytes += chunk.len() as u64;
                    self.unpacked.read(&chunk, &mut self.text)?;
                }
                None => return Ok(None),
            }
        }
    }
}
