//! A small client of the embedded server for tests.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing loudly")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use pilothouse_drydock::{Options, Server};
use serde_json::Value;

/// A client in one user's name.
#[derive(Clone)]
pub(crate) struct Client {
    server: Arc<Server>,
    http: reqwest::Client,
    token: String,
    acting_as: Vec<(&'static str, String)>,
}

/// What came back.
pub(crate) struct Answer(u16, Value);

impl Answer {
    /// The body of a success.
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.0), "{} {}", self.0, self.1);
        self.1
    }

    /// Code and body, whatever they are.
    pub(crate) fn pair(self) -> (u16, Value) {
        (self.0, self.1)
    }
}

impl Client {
    /// A new server, and its administrator.
    pub(crate) async fn start(options: Options) -> Self {
        // Tests of one process share the provider; the first one sets it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let server = Arc::new(Server::start(options).await.unwrap());
        let authority = reqwest::Certificate::from_pem(server.certificate_authority().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
        let token = server.token("admin").unwrap().to_owned();
        Self { server, http, token, acting_as: Vec::new() }
    }

    /// The same server in another user's name.
    pub(crate) fn of(&self, user: &str) -> Self {
        self.with_token(self.server.token(user).unwrap())
    }

    /// The same server with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same user acting as another.
    pub(crate) fn acting_as(&self, user: &str, groups: &[&str]) -> Self {
        let mut acting_as = vec![("impersonate-user", user.to_owned())];
        acting_as.extend(groups.iter().map(|group| ("impersonate-group", (*group).to_owned())));
        Self { acting_as, ..self.clone() }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server.url())).bearer_auth(&self.token);
        self.acting_as.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    async fn send(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let code = response.status().as_u16();
        let text = response.text().await.unwrap();
        Answer(code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Self::send(self.request(reqwest::Method::GET, path)).await
    }

    pub(crate) async fn table(&self, path: &str) -> Value {
        let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
        Self::send(self.request(reqwest::Method::GET, path).header("accept", accept)).await.ok()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.request(reqwest::Method::POST, path).json(body)).await
    }

    pub(crate) async fn raw(&self, path: &str, media: &str, body: String) -> Answer {
        Self::send(self.request(reqwest::Method::POST, path).header("content-type", media).body(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.request(reqwest::Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, media: &str, body: &Value) -> Answer {
        let request = self.request(reqwest::Method::PATCH, path).header("content-type", media).body(body.to_string());
        Self::send(request).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Self::send(self.request(reqwest::Method::DELETE, path)).await
    }

    /// The events of a watch until it ends, each as type and name.
    pub(crate) async fn events(&self, path: &str) -> Vec<String> {
        let text = self.request(reqwest::Method::GET, path).send().await.unwrap().text().await.unwrap();
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            let object = &event["object"];
            let name = match event["type"].as_str().unwrap() {
                "ERROR" => format!("{} {}", object["code"], object["reason"].as_str().unwrap()),
                "BOOKMARK" if object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true" => {
                    "initial-events-end".to_owned()
                }
                _ => object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            };
            format!("{} {name}", event["type"].as_str().unwrap())
        };
        text.lines().map(event).collect()
    }

    /// Asks again until the object is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) {
        self.poll(path, |code, value| code == 200 && wanted(value)).await;
    }

    /// Asks again until there is no such object.
    pub(crate) async fn until_absent(&self, path: &str) {
        self.poll(path, |code, _| code == 404).await;
    }

    async fn poll(&self, path: &str, done: impl Fn(u16, &Value) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (code, value) = self.get(path).await.pair();
            if done(code, &value) {
                return;
            }
            assert!(Instant::now() < deadline, "{path} stays {code} {value}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
