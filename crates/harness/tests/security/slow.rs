//! Clients that stop reading, that never finish what they say, and that want too much at once.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::raw::send;
use crate::world::World;

/// The memory that a process holds, in megabytes.
fn memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_the_console_from_the_others() {
    let world = World::start(true).await;
    let (ada, ben) = (world.sign_in("ada").await, world.sign_in("ben").await);
    let pods = "/api/v1/clusters/prod/resources/core/v1/pods";
    assert_eq!(world.get(&ben, pods).await.status, 200);
    let before = memory(world.console.id());

    // Streams that nobody reads: as many as one person may have, and then no more. The small windows are full at once.
    let watches = "watch=r/core/v1/pods&".repeat(200);
    let request = |cookie: &str, coding: &str| {
        let head = format!("GET /c/prod/live?{watches} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", world.at);
        format!("{head}Accept: text/event-stream\r\nAccept-Encoding: {coding}\r\n\r\n")
    };
    let mut silent = Vec::new();
    let mut refused = 0;
    for coding in ["gzip", "identity"].into_iter().cycle().take(270) {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        stream.write_all(request(&ada.cookie, coding).as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        match &status {
            b"HTTP/1.1 200" => silent.push(stream),
            b"HTTP/1.1 429" => refused += 1,
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }
    assert_eq!((silent.len(), refused), (256, 14));
    // Heads and bodies that never end.
    for text in ["GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST /sign-in HTTP/1.1\r\n"] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(world.at).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            silent.push(stream);
        }
    }
    // Everybody else is served, and memory stays within bounds.
    assert_eq!(world.get(&ben, pods).await.status, 200);
    assert_eq!(world.get(&ben, "/c/prod").await.status, 200);
    let stream = world.get(&ben, "/c/prod/live?watch=state").await;
    assert!(stream.status == 200 && stream.body.contains("event: update"), "{stream:?}");
    let grown = memory(world.console.id()).saturating_sub(before);
    assert!(grown < 300, "{grown} MB");
    drop(silent);
    // Who has closed them may open others.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while world.get(&ada, "/c/prod/live?watch=state").await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the places come back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_is_refused_and_breaks_nothing() {
    let world = World::start(false).await;
    let me = world.launch().await;
    let origin = format!("http://{}", world.at);
    let long = "a".repeat(90 << 10);
    let huge = "a".repeat(9 << 20);
    let secret = "/api/v1/clusters/prod/resources/core/v1/configmaps/namespaces/team-a/map-of-ada";
    for (method, path, body) in [
        ("PUT", secret, huge.as_str()),
        ("POST", "/c/prod/edit/core/v1/configmaps/namespaces/team-a/map-of-ada", &huge),
    ] {
        let kind = if method == "PUT" { "application/json" } else { "application/x-www-form-urlencoded" };
        let headers = [("cookie", me.cookie.as_str()), ("origin", &origin), ("content-type", kind)];
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", world.at, body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        // It may stop listening in the middle.
        let (mut reading, mut writing) = stream.into_split();
        let body = body.to_owned();
        let sending = tokio::spawn(async move { drop(writing.write_all(body.as_bytes()).await) });
        let mut status = [0; 12];
        reading.read_exact(&mut status).await.unwrap();
        assert_eq!(std::str::from_utf8(&status).unwrap(), "HTTP/1.1 413", "{method} {path}");
        sending.abort();
    }
    for path in [
        format!("/c/prod/r/core/v1/pods?q={long}"),
        format!("/search?q={}", "(".repeat(20_000)),
        format!("/c/prod/r/core/v1/pods?q={}", "NOT%20".repeat(10_000)),
        format!("/c/prod/r/core/v1/pods?ns={}", "a,".repeat(30_000)),
    ] {
        let answer = world.get(&me, &path).await;
        assert!([200, 400, 414, 431].contains(&answer.status), "{} {}", answer.status, &path[..40]);
    }
    let many: Vec<(String, String)> = (0..200).map(|index| (format!("x-{index}"), "y".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(send(world.at, ("GET", "/clusters"), &many, "").await.status, 431, "too many headers");
    assert_eq!(world.get(&me, "/clusters").await.status, 200, "it lives");
}
