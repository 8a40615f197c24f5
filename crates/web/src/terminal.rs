//! Terminals of pods: a WebSocket between a page and a command, for as long as the person's session and rights last.
//!
//! Bytes travel as binary messages. Everything else is JSON text: `size` and `taken` from the page, `event` from here. The page
//! says how many bytes it has shown, and no more than a window of them is under way: a page that does not keep up makes the
//! command wait, and one that stopped is let go.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pilothouse_app::{AppError, ErrorKind, ExecOptions};

use crate::failure;
use crate::server::Web;
use crate::visit::{Visit, name_of};

mod conversation;
mod ends;
mod life;
mod places;
mod socket;
mod typed;

pub(crate) use places::{Leave, Renewed, Terminals};

use conversation::Conversation;

/// What is run when nobody says what: the shell that people like, else the one that nearly every image has.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";

/// `/c/{cluster}/terminal/{namespace}/{pod}?container=..&command=..`
pub(crate) async fn open(State(web): State<Web>, visit: Visit, mut request: Request) -> Response {
    // The door refuses what comes from elsewhere. A terminal is opened by what says that it comes from here, and by nothing else:
    // browsers always say so.
    if !says_origin(request.headers()) {
        let error = AppError::new(ErrorKind::Forbidden, "Refused: the request does not say where it comes from.");
        return failure::plain(StatusCode::FORBIDDEN, &error, false);
    }
    let Some((response, upgrade)) = socket::accept(&mut request) else {
        let error = AppError::new(ErrorKind::BadInput, "Here is a terminal for the page of a pod, by WebSocket.");
        return failure::plain(StatusCode::UPGRADE_REQUIRED, &error, false);
    };
    let leave = visit.leave.clone().unwrap_or_else(Leave::local);
    let terminals = web.terminals.clone();
    terminals.spawn(async move {
        if let Some(socket) = socket::opened(upgrade).await {
            // What goes wrong from here on is told in the terminal: a browser shows nothing of an answer that opens none.
            Conversation::new(socket, web).hold(&visit, &leave).await;
        }
    });
    response
}

/// `/c/{cluster}/terminal/{namespace}/{pod}/go-on?name=..`: the page's session has a newer credential, and its terminal takes it.
pub(crate) async fn go_on(State(web): State<Web>, visit: Visit) -> Response {
    let renewed = match (visit.cluster(), visit.leave.clone()) {
        (Ok(cluster), Some(leave)) => {
            web.terminals.streams.renew(visit.query("name").unwrap_or_default(), Renewed { cluster, leave })
        }
        (Err(error), _) => return failure::api(&error),
        (Ok(_), None) => false,
    };
    if renewed { StatusCode::NO_CONTENT.into_response() } else { StatusCode::NOT_FOUND.into_response() }
}

fn says_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
}

/// What is to be run, by the address.
fn asked(visit: &Visit) -> Result<ExecOptions, AppError> {
    let text = |name: &str| visit.query(name).filter(|text| !text.trim().is_empty());
    let container = text("container").map(name_of).transpose()?.map(str::to_owned);
    Ok(ExecOptions { container, command: command(text("command")), stdin: true, tty: true })
}

/// A program and its arguments, apart by blanks; the usual shell when there is none.
fn command(text: Option<&str>) -> Vec<String> {
    match text {
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
        None => ["sh", "-c", SHELL].map(str::to_owned).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_run_and_else_a_shell() {
        assert_eq!(command(Some(" python3  -i ")), ["python3", "-i"]);
        assert_eq!(command(None)[..2], ["sh", "-c"]);
    }
}
