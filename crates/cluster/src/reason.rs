//! From what went wrong on the wire to a [`ClusterError`] in words that help.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header, response};
use kube::client::AuthError;
use serde::Deserialize;

use crate::error::ClusterError;

/// How API servers say that a path leads nowhere: words that name nothing.
const NOTHING_THERE: [&str; 2] = ["404 page not found", "the server could not find the requested resource"];

/// How Go's web servers, API servers among them, answer who speaks plain HTTP to a TLS port.
const PLAIN_TO_TLS: &[u8] = b"Client sent an HTTP request to an HTTPS server";
/// What to do about it.
const WANTS_TLS: &str = "it speaks TLS on this port; `server` in the kubeconfig must begin with https://";

/// What is told when the server refuses a person's token.
pub(crate) const TOKEN_REFUSED: &str = "the token is wrong or has expired; sign in again";
/// What is told of a token that is none.
pub(crate) const NO_TOKEN: &str = "what was given is not a bearer token; sign in with another";

/// A `Status` as the API server answers it, as far as we read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) message: String,
    pub(crate) reason: String,
    pub(crate) code: u16,
    pub(crate) details: Option<Details>,
}

/// What a `Status` says beside its message.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Details {
    retry_after_seconds: u64,
}

/// The error for a request that got no answer.
pub(crate) fn from_kube(server: &str, error: &kube::Error) -> ClusterError {
    from_building(server, None, error)
}

/// The error for a client that could not be built, whose credential was to come from `plugin`.
pub(crate) fn from_building(server: &str, plugin: Option<&str>, error: &kube::Error) -> ClusterError {
    let server = server.to_owned();
    for cause in causes(error) {
        if let Some(auth) = cause.downcast_ref::<AuthError>() {
            return ClusterError::Unauthorized { server, reason: credential_words(plugin, auth) };
        }
    }
    match error {
        kube::Error::Auth(auth) => ClusterError::Unauthorized { server, reason: credential_words(plugin, auth) },
        kube::Error::RustlsTls(error) => {
            let reason = format!("the certificates of the kubeconfig cannot be used: {error}");
            ClusterError::Unreachable { server, reason }
        }
        error => ClusterError::Unreachable { server, reason: network_words(error) },
    }
}

/// Whether a request that failed may have reached the server.
pub(crate) fn was_sent(error: &kube::Error) -> bool {
    let unsent = |cause: &(dyn Error + 'static)| {
        cause.is::<AuthError>()
            || cause.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
    };
    !causes(error).any(unsent)
}

/// The error for an answer that says no.
pub(crate) fn from_answer(server: &str, request: &str, head: &response::Parts, body: &[u8]) -> ClusterError {
    if head.status == StatusCode::BAD_REQUEST && body.starts_with(PLAIN_TO_TLS) {
        return ClusterError::Unreachable { server: server.to_owned(), reason: WANTS_TLS.to_owned() };
    }
    let mut status = serde_json::from_slice::<Status>(body).unwrap_or_else(|_| plain_status(body));
    status.code = head.status.as_u16();
    if head.status == StatusCode::NOT_FOUND && NOTHING_THERE.contains(&status.message.as_str()) {
        let path = request.split_once(' ').map_or(request, |(_, path)| path);
        status.message = format!("the cluster does not serve {path}");
    }
    let mut error = from_status(server, request, status);
    if let Some(asked) = retry_after(&head.headers)
        && let ClusterError::TooMany { retry_after, .. } | ClusterError::Other { retry_after, .. } = &mut error
    {
        *retry_after = Some(asked);
    }
    error
}

/// The error for a `Status`, whether it is an answer's body or a frame of a watch.
pub(crate) fn from_status(server: &str, request: &str, status: Status) -> ClusterError {
    let Status { message, reason, code, details } = status;
    let message = [message, reason.clone()]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| format!("the server answered {code} to {request} without saying why"));
    let retry_after =
        details.map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs);
    match (code, reason.as_str()) {
        (401, _) => ClusterError::Unauthorized { server: server.to_owned(), reason: refused_words(&message) },
        (403, _) => ClusterError::Forbidden { message },
        (404, _) => ClusterError::NotFound { message },
        (410, _) | (_, "Expired" | "Gone") => ClusterError::Gone { message },
        (429, _) => ClusterError::TooMany { retry_after, message },
        _ => ClusterError::Other { request: request.to_owned(), code, retry_after, message },
    }
}

/// `Retry-After` in seconds; API servers do not send dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What a proxy or a web server between us and the API answered, shortened to its first line.
fn plain_status(body: &[u8]) -> Status {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Status { message: line.chars().take(200).collect(), ..Status::default() }
}

fn refused_words(message: &str) -> String {
    format!(
        "the credential is wrong or has expired ({}); log in again, or renew the token or certificate in the kubeconfig",
        message.to_lowercase()
    )
}

/// Why a credential could not be had.
fn credential_words(plugin: Option<&str>, error: &AuthError) -> String {
    let plugin = plugin.map(|plugin| format!(" `{plugin}`")).unwrap_or_default();
    match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let ended = out.status;
            if said.is_empty() {
                format!(
                    "the kubeconfig's credential plugin{plugin} failed ({ended}); what it said stands in the terminal"
                )
            } else {
                format!("the kubeconfig's credential plugin{plugin} failed ({ended}): {said}")
            }
        }
        AuthError::AuthExecStart(error) => {
            format!(
                "the kubeconfig's credential plugin{plugin} cannot be started: {error}; is it installed and in PATH?"
            )
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            format!("the kubeconfig's credential plugin{plugin} answered something that is not a credential")
        }
        error => format!("the kubeconfig's credential cannot be used: {error}"),
    }
}

/// Why no connection came about or why it broke.
fn network_words(error: &kube::Error) -> String {
    let deepest = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    let all = causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let kind = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(kind_of).last();
    match kind {
        _ if all.contains("dns error") => {
            format!("its host name is unknown ({deepest}); check the URL, the network or the VPN")
        }
        _ if all.contains("UnknownIssuer") => {
            "its certificate is signed by an authority that the kubeconfig does not name; check `certificate-authority`"
                .to_owned()
        }
        _ if all.contains("invalid peer certificate") => format!("its certificate is not accepted: {deepest}"),
        _ if all.contains("received fatal alert") => {
            format!("it ended the TLS handshake ({deepest}); check the client certificate in the kubeconfig")
        }
        _ if all.contains("InvalidContentType") || all.contains("corrupt message") => {
            "it does not speak TLS on this port; check `server` in the kubeconfig".to_owned()
        }
        _ if all.contains("invalid HTTP version parsed") => {
            "it does not speak plain HTTP on this port; if it speaks TLS, `server` in the kubeconfig must begin with https://"
                .to_owned()
        }
        Some(io::ErrorKind::ConnectionRefused) => {
            "connection refused; nothing listens there, is it running?".to_owned()
        }
        Some(io::ErrorKind::TimedOut) => "no connection in time; check the network, the VPN or a firewall".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            "the connection was cut".to_owned()
        }
        _ => deepest,
    }
}

/// The kind of the innermost of nested I/O errors: a wrapped one hides from the chain of causes.
fn kind_of(error: &io::Error) -> io::ErrorKind {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    inner.map_or_else(|| error.kind(), kind_of)
}

/// The error and all that caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Reads bytes as the body of an answer that says no (see [`crate::fuzzing`]).
#[cfg(fuzzing)]
pub(crate) fn fuzz(body: &[u8]) {
    for code in [400, 401, 403, 404, 409, 410, 429, 500, 503] {
        let Ok(answer) = http::Response::builder().status(code).body(()) else { continue };
        let error = from_answer("https://server", "GET /api", &answer.into_parts().0, body);
        assert!(!error.to_string().is_empty());
    }
}
