//! One terminal from its beginning to its end.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Bytes;
use futures::{SinkExt, StreamExt};
use pilothouse_app::{AppError, Ended, ErrorKind, ExecInput, Output, Session};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::asked;
use super::life::{IDLE, Life, PATIENCE, Standing};
use super::places::{Leave, Place, Renewed};
use super::socket::Socket;
use crate::server::Web;
use crate::visit::Visit;

/// The most of what was typed or pasted that waits for the command.
const TYPED: usize = 1 << 20;
/// How long the end may take.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often it is looked after.
const LOOK: Duration = Duration::from_secs(15);

/// What a page says beside what is typed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Said {
    /// Columns and rows.
    Size(u16, u16),
    /// So many bytes were shown.
    Taken(usize),
}

/// Why a terminal ends.
enum End {
    /// The command's own end.
    Command(Ended),
    /// Our side ends it: for the audit log, and in words for the person.
    Ours(&'static str, Box<AppError>),
    /// The page is gone.
    Gone,
}

/// One terminal.
pub(super) struct Conversation {
    socket: Socket,
    web: Web,
    typed: VecDeque<ExecInput>,
    waiting: usize,
    life: Life,
}

impl Conversation {
    pub(super) fn new(socket: Socket, web: Web) -> Self {
        Self { socket, web, typed: VecDeque::new(), waiting: 0, life: Life::new(Instant::now()) }
    }

    /// Runs what the page asks for, to the end of either side.
    pub(super) async fn hold(self, visit: &Visit, leave: &Leave) {
        let Some(place) = self.web.terminals.place(leave.person) else {
            let error = AppError::new(ErrorKind::Unavailable, "you have too many terminals open at once");
            return self.close(&json!({"event": "end", "message": error.message, "hint": "close one of them"})).await;
        };
        let opening = async {
            let options = asked(visit)?;
            visit.cluster()?.exec(visit.param("namespace")?, visit.param("pod")?, &options).await
        };
        let session = tokio::select! {
            opened = opening => match opened {
                Ok(session) => session,
                Err(error) => return self.close(&told(&error)).await,
            },
            () = self.web.shutdown.cancelled() => return self.close(&told(&shutting_down())).await,
        };
        self.carry(session, place, leave).await;
    }

    /// Carries both directions, and tells the page how it ended.
    async fn carry(mut self, mut session: Session, mut place: Place, leave: &Leave) {
        let open = json!({
            "event": "open", "container": session.container(), "name": place.name, "renew": seconds(leave.renew),
        });
        let end = match self.say(&open).await {
            Ok(()) => self.between(&mut session, &mut place, leave.lasts).await,
            Err(()) => End::Gone,
        };
        match end {
            End::Command(Ended::Exited(code)) => self.close(&json!({"event": "end", "code": code})).await,
            End::Command(Ended::Cut(error)) => self.close(&told(&error)).await,
            End::Ours(why, error) => {
                session.end(why);
                self.close(&told(&error)).await;
            }
            End::Gone => session.end("the page was left"),
        }
    }

    async fn between(&mut self, session: &mut Session, place: &mut Place, lasts: Option<Duration>) -> End {
        let mut lasts = lasts.map(|lasts| Instant::now() + lasts);
        let input = session.input();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let late = async {
                match lasts {
                    Some(lasts) => tokio::time::sleep_until(lasts).await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                biased;
                () = place.signed_out.cancelled() => {
                    Err(ours("signed out", AppError::new(ErrorKind::Unauthorized, "you signed out")))
                }
                () = late => Err(ours("session over", session_over())),
                () = self.web.shutdown.cancelled() => Err(ours("shutting down", shutting_down())),
                Some(Renewed { cluster, leave }) = place.renewed.recv() => {
                    session.go_on_as(&cluster);
                    lasts = leave.lasts.map(|lasts| Instant::now() + lasts);
                    let words = json!({"event": "renewed", "renew": seconds(leave.renew)});
                    self.say(&words).await.map_err(|()| End::Gone)
                }
                message = self.socket.next() => self.hear(message),
                permit = input.reserve(), if !self.typed.is_empty() => {
                    if let (Ok(permit), Some(next)) = (permit, self.typed.pop_front()) {
                        self.waiting -= size(&next);
                        permit.send(next);
                    } else {
                        // The command has ended; how, comes next.
                        self.typed.clear();
                        self.waiting = 0;
                    }
                    Ok(())
                }
                output = session.next(), if self.life.takes_more() => self.print(output).await,
                _ = look.tick() => self.look_after().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// What the page sends.
    fn hear(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        let now = Instant::now();
        self.life.heard(now);
        match message {
            Some(Ok(Message::Binary(bytes))) => self.type_in(ExecInput::Bytes(bytes)),
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Said>(&text) {
                Ok(Said::Size(columns, rows)) => self.type_in(ExecInput::Resize { columns, rows }),
                Ok(Said::Taken(bytes)) => {
                    self.life.taken(bytes, now);
                    Ok(())
                }
                Err(_) => {
                    let error = AppError::new(ErrorKind::BadInput, "the page said something that is not understood");
                    Err(ours("not understood", error.hint("load the page again: the console may be newer")))
                }
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    fn type_in(&mut self, input: ExecInput) -> Result<(), End> {
        if let ExecInput::Bytes(_) = &input {
            self.life.typed(Instant::now());
        }
        // Only the last size matters.
        if let (ExecInput::Resize { .. }, Some(last @ ExecInput::Resize { .. })) = (&input, self.typed.back_mut()) {
            *last = input;
            return Ok(());
        }
        self.waiting += size(&input);
        self.typed.push_back(input);
        if self.waiting <= TYPED {
            return Ok(());
        }
        let error = AppError::new(ErrorKind::BadInput, "more was typed than the command takes");
        Err(ours("too much input", error.hint("copy files with kubectl cp, or pipe them into pilothouse exec -i")))
    }

    /// What the command prints, to the page.
    async fn print(&mut self, output: Option<Output>) -> Result<(), End> {
        let bytes = match output {
            Some(Output::Out(bytes) | Output::Error(bytes)) => bytes,
            Some(Output::Ended(ended)) => return Err(End::Command(ended)),
            None => return Err(End::Gone),
        };
        self.life.printed(bytes.len(), Instant::now());
        self.send(Message::Binary(bytes)).await.map_err(|()| End::Gone)
    }

    /// Ends a terminal that nobody needs any more, and asks the page for a sign of life.
    async fn look_after(&mut self) -> Result<(), End> {
        match self.life.standing(Instant::now()) {
            Standing::Fine => {}
            Standing::Warned => {
                let message = "Nothing happens here: the terminal is closed in a minute unless you press a key.";
                self.say(&json!({"event": "warning", "message": message})).await.map_err(|()| End::Gone)?;
            }
            Standing::Idle => {
                let message = format!("nothing was typed or printed for {} minutes", IDLE.as_secs() / 60);
                return Err(ours("idle", AppError::new(ErrorKind::Unavailable, message)));
            }
            Standing::Stalled => {
                let error = AppError::new(ErrorKind::Unavailable, "the browser did not keep up with what was printed");
                return Err(ours("not read", error));
            }
            Standing::Gone => return Err(End::Gone),
        }
        // The browser answers by itself.
        self.send(Message::Ping(Bytes::new())).await.map_err(|()| End::Gone)
    }

    async fn say(&mut self, words: &Value) -> Result<(), ()> {
        self.send(Message::text(words.to_string())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), ()> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(()),
        }
    }

    /// The last word, and the end of the WebSocket. What the page still sends is read: thrown away unread, it could take the last
    /// word with it.
    async fn close(mut self, words: &Value) {
        let goodbye = async {
            if self.say(words).await.is_ok() && self.socket.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // A page that does not answer has what it needs; nobody waits for it.
        drop(timeout(GOODBYE, goodbye).await);
    }
}

fn ours(why: &'static str, error: AppError) -> End {
    End::Ours(why, Box::new(error))
}

fn seconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| time.as_secs())
}

fn size(input: &ExecInput) -> usize {
    match input {
        ExecInput::Bytes(bytes) => bytes.len(),
        ExecInput::Resize { .. } | ExecInput::End => 0,
    }
}

fn told(error: &AppError) -> Value {
    json!({"event": "end", "message": error.message, "hint": error.hint})
}

fn shutting_down() -> AppError {
    AppError::new(ErrorKind::Unavailable, "Pilothouse is shutting down")
}

fn session_over() -> AppError {
    AppError::new(ErrorKind::Unauthorized, "the session that opened this terminal has come to its end")
        .hint("connect again; you may have to sign in first")
}
