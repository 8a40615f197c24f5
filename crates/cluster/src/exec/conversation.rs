//! The two directions of a running command. Neither waits for the other: what was printed and not read yet keeps nobody from
//! interrupting the command.

use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use super::handshake::Opened;
use super::{ExecInput, ExecOutput, frame};
use crate::error::ClusterError;

/// How often a sign of life is sent: what stands between us and the server forgets silent connections.
const ALIVE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Told = mpsc::Sender<Result<ExecOutput, ClusterError>>;

/// Carries both directions until the command's end was told, the connection breaks, or nobody reads any more.
pub(super) async fn hold(opened: Opened, server: String, typed: mpsc::Receiver<ExecInput>, told: Told) {
    let (sink, source) = opened.stream.split();
    tokio::select! {
        () = listen(source, &server, told) => {}
        // A connection that takes nothing any more is read to its end: that tells why.
        () = speak(sink, typed, opened.tells_end) => {}
    }
}

async fn listen(mut source: SplitStream<Socket>, server: &str, told: Told) {
    let cut = |reason: String| ClusterError::Unreachable {
        server: server.to_owned(),
        reason: format!("{reason}; what became of the command is not known"),
    };
    loop {
        let output = match source.next().await {
            Some(Ok(Message::Binary(message))) => match frame::decode(&message) {
                Some(output) => Ok(output),
                None => continue,
            },
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| frame.reason.to_string()).filter(|why| !why.is_empty());
                Err(cut(why.map_or_else(
                    || "it ended the connection".to_owned(),
                    |why| format!("it ended the connection ({why})"),
                )))
            }
            Some(Ok(_)) => continue,
            Some(Err(error)) => Err(cut(cut_words(&error))),
            None => Err(cut("the connection was cut".to_owned())),
        };
        let last = matches!(output, Err(_) | Ok(ExecOutput::Ended(_)));
        if told.send(output).await.is_err() || last {
            return;
        }
    }
}

async fn speak(mut sink: SplitSink<Socket, Message>, mut typed: mpsc::Receiver<ExecInput>, tells_end: bool) {
    let mut alive = interval(ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = true;
    loop {
        let message = tokio::select! {
            input = typed.recv(), if open => match input {
                Some(input) => frame::encode(&input, tells_end).map(Message::Binary),
                None => {
                    open = false;
                    None
                }
            },
            _ = alive.tick() => Some(Message::Ping(bytes::Bytes::new())),
        };
        if let Some(message) = message
            && sink.send(message).await.is_err()
        {
            // Whoever listens learns why.
            return std::future::pending().await;
        }
    }
}

/// Why a connection broke. What the system or TLS says of a connection that is gone helps nobody further.
fn cut_words(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(_) | tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            "the connection was cut".to_owned()
        }
        error => format!("the connection was cut ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_connection_that_is_gone_is_told_without_the_words_of_a_library() {
        let gone = "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/";
        let error = tungstenite::Error::Io(io::Error::new(io::ErrorKind::UnexpectedEof, gone));
        assert_eq!(cut_words(&error), "the connection was cut");
        let odd = cut_words(&tungstenite::Error::Utf8("no text".to_owned()));
        assert_eq!(odd, "the connection was cut (UTF-8 encoding error: no text)");
    }
}
