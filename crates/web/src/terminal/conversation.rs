//! One terminal from its beginning to its end.

use std::time::Duration;

use axum::body::Bytes;
use futures::{SinkExt, StreamExt};
use pilothouse_app::{AppError, Ended, ErrorKind, Output, Session};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::asked;
use super::ends::{Ends, signed_out};
use super::life::{IDLE, Life, PATIENCE, Standing};
use super::places::{Leave, Place, Renewed};
use super::socket::Socket;
use super::typed::{TooMuch, Typed};
use crate::guard::NoPlace;
use crate::server::Web;
use crate::visit::Visit;

/// How long the last word may take.
pub(super) const GOODBYE: Duration = Duration::from_secs(3);
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
pub(super) enum End {
    /// The command's own end.
    Command(Ended),
    /// Our side ends it: for the audit log, and in words for the person.
    Ours(&'static str, Box<AppError>),
    /// The page is gone.
    Gone,
}

impl End {
    pub(super) fn ours(why: &'static str, error: AppError) -> Self {
        Self::Ours(why, Box::new(error))
    }
}

/// One terminal.
pub(super) struct Conversation {
    socket: Socket,
    web: Web,
    typed: Typed,
    life: Life,
}

impl Conversation {
    pub(super) fn new(socket: Socket, web: Web) -> Self {
        Self { socket, web, typed: Typed::default(), life: Life::new(Instant::now()) }
    }

    /// Runs what the page asks for, to the end of either side.
    pub(super) async fn hold(self, visit: &Visit, leave: &Leave) {
        let place = match self.web.terminals.place(leave) {
            Ok(place) => place,
            Err(NoPlace::SignedOut) => return self.close(&told(&signed_out())).await,
            Err(NoPlace::TooMany) => {
                let error = AppError::new(ErrorKind::Unavailable, "you have too many terminals open at once");
                return self.close(&told(&error.hint("close one of them"))).await;
            }
        };
        let opening = async {
            let options = asked(visit)?;
            visit.cluster()?.exec(visit.param("namespace")?, visit.param("pod")?, &options).await
        };
        let ends = Ends { signed_out: place.held.signed_out(), late: leave.lasts, shutdown: self.web.shutdown.clone() };
        match ends.or(opening).await {
            Ok(Ok(session)) => self.carry(session, (place, ends), leave).await,
            Ok(Err(error)) => self.close(&told(&error)).await,
            Err(End::Ours(_, error)) => self.close(&told(&error)).await,
            Err(End::Command(_) | End::Gone) => {}
        }
    }

    /// Carries both directions, and tells the page how it ended. The end is recorded before the page is told, which may take a
    /// while.
    async fn carry(mut self, mut session: Session, (mut place, mut ends): (Place, Ends), leave: &Leave) {
        let open = json!({
            "event": "open", "container": session.container(), "name": place.name, "renew": seconds(leave.renew),
        });
        let end = match self.say(&mut session, &ends, &open).await {
            Ok(()) => self.between(&mut session, &mut place, &mut ends).await,
            Err(end) => end,
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

    async fn between(&mut self, session: &mut Session, place: &mut Place, ends: &mut Ends) -> End {
        let input = session.input();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let takes_more = self.life.takes_more();
            // A page that takes no more is told nothing but that the command was cut.
            let output = async { if takes_more { session.next().await } else { Some(session.cut().await) } };
            let done = tokio::select! {
                biased;
                end = ends.first() => Err(end),
                Some(Renewed { cluster, leave }) = place.renewed.recv() => {
                    session.go_on_as(&cluster);
                    ends.late = leave.lasts;
                    let words = json!({"event": "renewed", "renew": seconds(leave.renew)});
                    self.say(session, ends, &words).await
                }
                message = self.socket.next() => self.hear(message),
                permit = input.reserve(), if !self.typed.is_empty() => {
                    if let (Ok(permit), Some(next)) = (permit, self.typed.pop()) {
                        permit.send(next);
                    } else {
                        // The command has ended; how, comes next.
                        self.typed.clear();
                    }
                    Ok(())
                }
                output = output => self.print(session, ends, output).await,
                _ = look.tick() => self.look_after(session, ends).await,
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
            Some(Ok(Message::Binary(bytes))) => self.type_in(&bytes),
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Said>(&text) {
                Ok(Said::Size(columns, rows)) => {
                    self.typed.resize(columns, rows);
                    Ok(())
                }
                Ok(Said::Taken(bytes)) => {
                    self.life.taken(bytes, now);
                    Ok(())
                }
                Err(_) => {
                    let error = AppError::new(ErrorKind::BadInput, "the page said something that is not understood");
                    Err(End::ours("not understood", error.hint("load the page again: the console may be newer")))
                }
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    fn type_in(&mut self, bytes: &[u8]) -> Result<(), End> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.life.typed(Instant::now());
        self.typed.push(bytes).map_err(|TooMuch| {
            let error = AppError::new(ErrorKind::BadInput, "more was typed than the command takes");
            let hint = "copy files with kubectl cp, or pipe them into pilothouse exec -i";
            End::ours("too much input", error.hint(hint))
        })
    }

    /// What the command prints, to the page.
    async fn print(&mut self, session: &mut Session, ends: &Ends, output: Option<Output>) -> Result<(), End> {
        let bytes = match output {
            Some(Output::Out(bytes) | Output::Error(bytes)) => bytes,
            Some(Output::Ended(ended)) => return Err(End::Command(ended)),
            None => return Err(End::Gone),
        };
        self.life.printed(bytes.len(), Instant::now());
        self.send(session, ends, Message::Binary(bytes)).await
    }

    /// Ends a terminal that nobody needs any more, and asks the page for a sign of life.
    async fn look_after(&mut self, session: &mut Session, ends: &Ends) -> Result<(), End> {
        match self.life.standing(Instant::now()) {
            Standing::Fine => {}
            Standing::Warned => {
                let message = "Nothing happens here: the terminal is closed in a minute unless you press a key.";
                self.say(session, ends, &json!({"event": "warning", "message": message})).await?;
            }
            Standing::Idle => {
                let message = format!("nothing was typed or printed for {} minutes", IDLE.as_secs() / 60);
                return Err(End::ours("idle", AppError::new(ErrorKind::Unavailable, message)));
            }
            Standing::Stalled => {
                let error = AppError::new(ErrorKind::Unavailable, "the browser did not keep up with what was printed");
                return Err(End::ours("not read", error));
            }
            Standing::Gone => return Err(End::Gone),
        }
        // The browser answers by itself.
        self.send(session, ends, Message::Ping(Bytes::new())).await
    }

    async fn say(&mut self, session: &mut Session, ends: &Ends, words: &Value) -> Result<(), End> {
        self.send(session, ends, Message::text(words.to_string())).await
    }

    /// Sends to a page that may not take it, for as long as the terminal may be open at all.
    async fn send(&mut self, session: &mut Session, ends: &Ends, message: Message) -> Result<(), End> {
        let sending = timeout(PATIENCE, self.socket.send(message));
        match ends.or_cut(session, sending).await? {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// The last word, and the end of the WebSocket. What the page still sends is read: thrown away unread, it could take the last
    /// word with it.
    async fn close(mut self, words: &Value) {
        let goodbye = async {
            let words = Message::text(words.to_string());
            if self.socket.send(words).await.is_ok() && self.socket.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // A page that does not answer has what it needs; nobody waits for it.
        drop(timeout(GOODBYE, goodbye).await);
    }
}

fn seconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| time.as_secs())
}

fn told(error: &AppError) -> Value {
    json!({"event": "end", "message": error.message, "hint": error.hint})
}
