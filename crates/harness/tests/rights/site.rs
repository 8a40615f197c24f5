//! The console as a server: the program itself, asked over HTTP as a program asks (with a bearer token) and as a browser does.

use std::collections::BTreeSet;

use pilothouse_harness::{Console, RealControlPlane};
use reqwest::Client;
use serde_json::Value;

use super::asker::{Asker, Shown};
use super::oracle::Key;
use super::world::{Kind, User};

/// The name of the cluster: that of the console's own context.
pub(crate) const CLUSTER: &str = "ada";

/// A running `pilothouse serve --shared`.
pub(crate) struct Site {
    root: String,
    pub(crate) client: Client,
    _console: Console,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// The body, which is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// What somebody's requests carry.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    Bearer(String),
    Cookie(String),
}

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `core/v1/pods`
pub(crate) fn path_of(kind: Kind) -> String {
    format!("{}/{}/{}", if kind.group.is_empty() { "core" } else { kind.group }, kind.version, kind.plural)
}

/// `core/v1/pods/namespaces/team-a/web-0`
pub(crate) fn object_path(kind: Kind, (namespace, name): &Key) -> String {
    match namespace {
        Some(namespace) => format!("{}/namespaces/{namespace}/{name}", path_of(kind)),
        None => format!("{}/{name}", path_of(kind)),
    }
}

impl Site {
    pub(crate) fn start(plane: &RealControlPlane) -> Self {
        Self::start_with(plane, &[])
    }

    /// The same, with more options.
    pub(crate) fn start_with(plane: &RealControlPlane, options: &[&str]) -> Self {
        let kubeconfig = plane.kubeconfig(CLUSTER);
        let arguments = ["serve", "--shared", "--kubeconfig", kubeconfig.to_str().unwrap()];
        let console = Console::start(&[&arguments[..], &["--listen", "127.0.0.1:0", "--no-open"], options].concat());
        let root = console.origin().to_owned();
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { root, client, _console: console }
    }

    /// With the token of a user, as programs ask.
    pub(crate) fn bearer(user: &User) -> Pass {
        Pass::Bearer(user.api.credential().token.clone())
    }

    /// A session of a user, as the page to sign in begins it.
    pub(crate) async fn sign_in(&self, user: &User) -> Pass {
        let body = format!("cluster={CLUSTER}&token={}", encoded(&user.api.credential().token));
        let request = self.client.post(format!("{}/sign-in", self.root)).header("origin", &self.root);
        let form = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = form.send().await.unwrap();
        assert_eq!(answer.status(), 303, "{} signs in", user.name);
        let set = answer.headers().get_all("set-cookie").iter();
        let pairs: Vec<&str> = set.filter_map(|set| set.to_str().ok()?.split(';').next()).collect();
        Pass::Cookie(pairs.join("; "))
    }

    /// A request for an address of the console.
    pub(crate) fn request(&self, pass: &Pass, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.get(format!("{}{path}", self.root));
        match pass {
            Pass::Bearer(token) => request.bearer_auth(token),
            Pass::Cookie(cookies) => request.header("cookie", cookies),
        }
    }

    pub(crate) async fn get(&self, pass: &Pass, path: &str) -> Answer {
        let answer = self.request(pass, path).send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        Answer { status: answer.status().as_u16(), text: answer.text().await.unwrap() }
    }

    /// Asks the API about the cluster, as a program does.
    pub(crate) async fn api(&self, user: &User, path: &str) -> Answer {
        self.get(&Self::bearer(user), &format!("/api/v1/clusters/{CLUSTER}/{path}")).await
    }
}

/// Namespace and name of a row of the API.
pub(crate) fn key_of(row: &Value) -> Key {
    (row["namespace"].as_str().map(str::to_owned), row["name"].as_str().expect("a row has a name").to_owned())
}

impl Asker for Site {
    async fn list(&self, user: &User, kind: Option<Kind>, question: &str) -> Shown {
        let place = kind.map_or_else(|| "workloads".to_owned(), |kind| format!("resources/{}", path_of(kind)));
        let answer = self.api(user, &format!("{place}?limit=1000&q={}", encoded(question))).await;
        assert_eq!(answer.status, 200, "{} asks for {place}: {}", user.name, answer.text);
        let list = answer.json();
        let number = |name: &str| usize::try_from(list[name].as_u64().unwrap()).unwrap();
        let keys: BTreeSet<Key> = list["rows"].as_array().unwrap().iter().map(key_of).collect();
        Shown { keys, total: number("total"), unfiltered: Some(number("unfiltered")), texts: answer.text }
    }
}
