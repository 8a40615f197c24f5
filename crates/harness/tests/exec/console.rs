//! Through the console of many people, by WebSocket as its pages speak it.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pilothouse_harness::Console;
use pilothouse_harness::kubelet::V4;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::world::{PATIENCE, World, recorded};

const TERMINAL: &str = "/c/admin/terminal/a/web?container=main&command=cat";

struct Site {
    console: Console,
    at: SocketAddr,
    audit: std::path::PathBuf,
}

/// A terminal as a page has it.
struct Terminal(WebSocketStream<TcpStream>);

impl Site {
    /// The console of many people over the world's cluster, with the administrator's own credential.
    fn start(world: &World) -> Self {
        let audit = world.plane.folder().join("console-audit.log");
        let kubeconfig = world.plane.kubeconfig("admin");
        let console = Console::start(&[
            "serve",
            "--shared",
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--no-open",
            "--audit-log",
            audit.to_str().unwrap(),
        ]);
        Self { at: console.address(), console, audit }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Sends a request and gives the head of the answer, with the connection.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (String, TcpStream) {
        let mut request = format!("{line} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.at, body.len());
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    }

    /// The cookie of somebody who signed in.
    async fn sign_in(&self, world: &World, user: &str) -> String {
        let body = format!("cluster=admin&token={}", world.plane.api(user).credential().token);
        let form = ("content-type", "application/x-www-form-urlencoded");
        let (head, _) = self.send("POST /sign-in", &[("origin", &self.origin()), form], &body).await;
        assert!(head.starts_with("HTTP/1.1 303"), "{head}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// What a handshake with these headers is answered.
    async fn knock(&self, path: &str, headers: &[(&str, &str)]) -> (u16, TcpStream) {
        let handshake = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let (head, stream) = self.send(&format!("GET {path}"), &[&handshake, headers].concat(), "").await;
        (head.split(' ').nth(1).unwrap().parse().unwrap(), stream)
    }

    async fn open(&self, cookie: &str, path: &str) -> Terminal {
        let (status, stream) = self.knock(path, &[("cookie", cookie), ("origin", &self.origin())]).await;
        assert_eq!(status, 101);
        Terminal(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }

    /// The lines of the audit log about commands, as `who step outcome reason`.
    fn told(&self) -> Vec<String> {
        let lines = recorded(&std::fs::read_to_string(&self.audit).unwrap());
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let one = |line: &Value| {
            let result = &line["result"];
            [&line["as"]["credential"], &line["summary"]["step"], &result["outcome"], &result["reason"]]
                .map(text)
                .join(" ")
        };
        lines.iter().map(one).collect()
    }

    /// Waits until these ends are told in the audit log, and no others.
    async fn ended(&self, expected: &[&str]) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let told = self.told();
            let mut ends: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("bearer token end ")).collect();
            ends.sort_unstable();
            if ends == expected {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{ends:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Terminal {
    async fn next(&mut self) -> Message {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap() {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return message,
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next thing that is said beside what is printed; what is printed is left out.
    async fn said(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    async fn type_in(&mut self, text: &str) {
        self.0.send(Message::binary(text.as_bytes().to_vec())).await.unwrap();
    }

    async fn tell(&mut self, words: Value) {
        self.0.send(Message::text(words.to_string())).await.unwrap();
    }

    /// Reads until this was printed.
    async fn printed(&mut self, wanted: &str) {
        let mut text = String::new();
        while !text.contains(wanted) {
            match self.next().await {
                Message::Binary(bytes) => {
                    text.push_str(&String::from_utf8_lossy(&bytes));
                    self.tell(json!({"taken": bytes.len()})).await;
                }
                other => panic!("{other:?} after {text}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_of_the_console_open_a_terminal_and_only_for_who_is_signed_in() {
    let world = World::start(V4).await;
    let site = Site::start(&world);
    let cookie = site.sign_in(&world, "ada").await;
    let (own, mine) = (site.origin(), ("cookie", cookie.as_str()));
    let token = format!("Bearer {}", world.plane.api("ada").credential().token);
    let near = own.replace("127.0.0.1", "localhost");
    for (headers, expected) in [
        (vec![mine], 403),
        (vec![mine, ("origin", "https://evil.example")], 403),
        (vec![mine, ("origin", "null")], 403),
        (vec![mine, ("origin", &near)], 403),
        (vec![mine, ("origin", &own), ("origin", "https://evil.example")], 403),
        (vec![mine, ("origin", &own), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "websocket")], 403),
        (vec![mine, ("origin", &own), ("sec-fetch-site", "same-site")], 403),
        (vec![("origin", own.as_str())], 401),
        (vec![("origin", own.as_str()), ("cookie", "pilothouse-0=1.guess")], 401),
        // A bearer token is good for the API alone.
        (vec![("origin", own.as_str()), ("authorization", &token)], 401),
        (vec![mine, ("origin", &own), ("impersonate-user", "admin")], 403),
    ] {
        let (status, _) = site.knock(TERMINAL, &headers).await;
        let led_to_sign_in = expected == 401 && status == 303;
        assert!(status == expected || led_to_sign_in, "{headers:?}: {status}");
    }
    let (head, _) = site.send(&format!("GET {TERMINAL}"), &[mine, ("origin", &own)], "").await;
    assert!(head.starts_with("HTTP/1.1 426"), "{head}");
    assert_eq!(site.told(), [""; 0], "nothing was run");

    let mut terminal = site.open(&cookie, TERMINAL).await;
    let said = terminal.said().await;
    assert_eq!((&said["event"], &said["container"], &said["renew"]), (&json!("open"), &json!("main"), &Value::Null));
    terminal.tell(json!({"size": [101, 33]})).await;
    terminal.type_in("hello\r").await;
    terminal.printed("hello\r\nhello").await;
    assert_eq!(world.kubelet.sizes(), [r#"{"Height":33,"Width":101}"#]);
    terminal.type_in("\u{4}").await;
    assert_eq!(terminal.said().await, json!({"event": "end", "code": 0}));
    assert!(matches!(terminal.next().await, Message::Close(_)));

    let his = site.sign_in(&world, "ben").await;
    let said = site.open(&his, TERMINAL).await.said().await;
    assert!(said["message"].as_str().unwrap().contains("you may not create pods/exec"), "{said}");
    let said = site.open(&cookie, "/c/admin/terminal/a/none").await.said().await;
    assert!(said["message"].as_str().unwrap().contains("not found"), "{said}");
    let mut terminal = site.open(&cookie, TERMINAL).await;
    terminal.said().await;
    terminal.tell(json!({"impersonate": "admin"})).await;
    assert!(terminal.said().await["message"].as_str().unwrap().contains("not understood"));
    assert_eq!(
        site.told(),
        [
            "bearer token begin begins -",
            "bearer token end done -",
            "bearer token begin begins -",
            "bearer token end refused Forbidden",
            "bearer token begin begins -",
            "bearer token end ended not understood",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_ends_with_the_right_and_with_signing_out_and_with_its_page_and_with_the_console() {
    let world = World::start(V4).await;
    let site = Site::start(&world);
    let (hers, admins) = (site.sign_in(&world, "ada").await, site.sign_in(&world, "admin").await);
    let mut terminal = site.open(&hers, TERMINAL).await;
    terminal.said().await;
    let mut kept = site.open(&admins, TERMINAL).await;
    kept.said().await;
    world.take_away().await;
    let said = terminal.said().await;
    assert_eq!(said["message"], "you may not run commands in this pod any more");

    let mut left = site.open(&admins, TERMINAL).await;
    left.said().await;
    drop(left);
    kept.type_in("still\r").await;
    kept.printed("still").await;
    let (head, _) = site.send("POST /sign-out", &[("cookie", &admins), ("origin", &site.origin())], "").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(kept.said().await["message"], "you signed out");

    let mut last = site.open(&site.sign_in(&world, "admin").await, TERMINAL).await;
    last.said().await;
    site.console.terminate();
    assert_eq!(last.said().await["message"], "Pilothouse is shutting down");
    site.ended(&["cut Forbidden", "ended shutting down", "ended signed out", "ended the page was left"]).await;
}

/// A page that says it shows what comes, and takes nothing of it from the wire: what is sent to it stays there.
async fn stuck(site: &Site, cookie: &str) -> Terminal {
    let mut terminal = site.open(cookie, "/c/admin/terminal/a/web?container=main&command=yes").await;
    assert_eq!(terminal.said().await["event"], "open");
    for _ in 0..150 {
        terminal.tell(json!({"taken": 1 << 20})).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    terminal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_a_terminal_does_not_wait_for_a_page_that_takes_nothing() {
    let world = World::start(V4).await;
    let site = Site::start(&world);
    let (hers, admins) = (site.sign_in(&world, "ada").await, site.sign_in(&world, "admin").await);
    // One that is sent no more, one in the middle of being sent something, and one that signs out meanwhile.
    let mut full = site.open(&hers, "/c/admin/terminal/a/web?container=main&command=yes").await;
    assert_eq!(full.said().await["event"], "open");
    let sent_to = stuck(&site, &hers).await;
    let leaves = stuck(&site, &admins).await;
    world.take_away().await;
    site.send("POST /sign-out", &[("cookie", &admins), ("origin", &site.origin())], "").await;
    site.ended(&["cut Forbidden", "cut Forbidden", "ended signed out"]).await;
    assert_eq!(full.said().await["message"], "you may not run commands in this pod any more");

    let last = stuck(&site, &site.sign_in(&world, "admin").await).await;
    site.console.terminate();
    site.ended(&["cut Forbidden", "cut Forbidden", "ended shutting down", "ended signed out"]).await;
    drop((sent_to, leaves, last));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_does_not_keep_up_makes_the_command_wait() {
    let world = World::start(V4).await;
    let site = Site::start(&world);
    let cookie = site.sign_in(&world, "ada").await;
    let mut terminal = site.open(&cookie, "/c/admin/terminal/a/web?container=main&command=yes").await;
    assert_eq!(terminal.said().await["event"], "open");
    let mut came = 0;
    // No more than a window comes as long as nothing is said to have been shown.
    while let Ok(Some(Ok(message))) = timeout(Duration::from_secs(2), terminal.0.next()).await {
        if let Message::Binary(bytes) = message {
            came += bytes.len();
        }
    }
    assert!((200_000..400_000).contains(&came), "{came}");
    terminal.tell(json!({"taken": came})).await;
    assert!(matches!(terminal.next().await, Message::Binary(_)), "then it goes on");
    terminal.type_in("\u{3}").await;
    let said = loop {
        match terminal.next().await {
            // The other side may have ended it by now, and its last word is on its way.
            Message::Binary(bytes) => {
                drop(terminal.0.send(Message::text(json!({"taken": bytes.len()}).to_string())).await);
            }
            Message::Text(text) => break serde_json::from_str::<Value>(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said["code"], 130, "it was interrupted: {said}");
}
