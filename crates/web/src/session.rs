//! Who may speak to the console in local mode: whoever holds the secret made at launch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

pub(crate) mod sealed;

/// How long the secret for an opened browser is good, when no browser presents it.
const BROWSER: Duration = Duration::from_secs(60);

/// A secret made at launch. It stands in the address that the terminal prints. Copies are the same secret.
#[derive(Clone)]
pub struct LaunchSecret {
    printed: String,
    /// The one that opens a session once, and from when it counts.
    once: Arc<Mutex<Option<(String, Instant)>>>,
}

impl LaunchSecret {
    /// A new one: 32 random bytes in hexadecimal.
    pub fn generate() -> Self {
        Self { printed: random(), once: Arc::default() }
    }

    /// The text, for the address to print.
    pub fn reveal(&self) -> &str {
        &self.printed
    }

    /// Another secret, for a browser that is opened with it: everybody on the machine can read the arguments of a program.
    /// It opens one session, soon or never; a new one takes the place of the one before.
    pub fn for_browser(&self) -> String {
        let secret = random();
        *self.once.lock().unwrap_or_else(PoisonError::into_inner) = Some((secret.clone(), Instant::now()));
        secret
    }

    /// Whether `secret` is the one for the browser; it is not any more after that.
    fn spend(&self, secret: &str, now: Instant) -> bool {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |(known, made): &mut (String, Instant)| {
            now.saturating_duration_since(*made) < BROWSER && same(secret, known)
        };
        once.take_if(good).is_some()
    }
}

impl std::fmt::Debug for LaunchSecret {
    /// Never shows the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LaunchSecret(..)")
    }
}

/// The sessions of one process: one person, one value. The printed secret opens a session as often as it is presented while
/// the process lives, so that the printed address keeps working in a second browser; the one that a browser is opened with
/// does so once. The cookie holds another value, so that reading cookies does not give the address away.
#[derive(Debug)]
pub(crate) struct Sessions {
    launch: LaunchSecret,
    value: String,
    cookie: String,
}

impl Sessions {
    /// `port` keeps the cookies of two consoles on one host apart: cookies know no ports.
    pub(crate) fn new(launch: LaunchSecret, port: u16) -> Self {
        Self { launch, value: random(), cookie: format!("pilothouse-{port}") }
    }

    /// Whether this is the secret that the terminal prints.
    pub(crate) fn is_launch(&self, secret: &str) -> bool {
        same(secret, &self.launch.printed)
    }

    /// Whether this secret in an address opens a session. Asking spends the one for the browser.
    pub(crate) fn enters(&self, secret: &str) -> bool {
        self.is_launch(secret) || self.launch.spend(secret, Instant::now())
    }

    /// Whether a `Cookie` header carries the session.
    pub(crate) fn in_cookies(&self, header: &str) -> bool {
        cookie(header, &self.cookie).is_some_and(|value| same(value, &self.value))
    }

    /// The `Set-Cookie` header that begins a session. Not `Secure`: loopback speaks plain HTTP.
    pub(crate) fn set_cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.value)
    }
}

/// The value of one cookie in a `Cookie` header.
pub(crate) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Compares without telling by the time it takes how much is right.
fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

fn random() -> String {
    hex(&rand::random::<[u8; 32]>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_never_show() {
        let (one, other) = (LaunchSecret::generate(), LaunchSecret::generate());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.reveal().len(), 64);
        assert_eq!(format!("{one:?}"), "LaunchSecret(..)");
    }

    #[test]
    fn the_secret_for_the_browser_opens_one_session_and_is_no_bearer_token() {
        let launch = LaunchSecret::generate();
        let sessions = Sessions::new(launch.clone(), 8700);
        let once = launch.for_browser();
        assert_ne!(once, launch.reveal());
        assert!(!sessions.is_launch(&once));
        assert!(!sessions.enters(""));
        assert!(sessions.enters(&once));
        assert!(!sessions.enters(&once), "who reads it later gets nothing");
        assert!(sessions.enters(launch.reveal()) && sessions.enters(launch.reveal()));
    }

    #[test]
    fn the_secret_for_the_browser_does_not_wait_for_ever() {
        let launch = LaunchSecret::generate();
        let once = launch.for_browser();
        assert!(!launch.spend(&once, Instant::now() + BROWSER));
        assert!(launch.spend(&once, Instant::now()));
    }

    #[test]
    fn a_session_is_known_by_its_own_cookie_alone() {
        let launch = LaunchSecret::generate();
        let sessions = Sessions::new(launch.clone(), 8700);
        let set = sessions.set_cookie();
        let pair = set.split(';').next().unwrap();
        assert!(sessions.in_cookies(pair));
        assert!(sessions.in_cookies(&format!("a=b; {pair}; c=d")));
        assert!(!sessions.in_cookies(&pair.replace("8700", "8701")));
        assert!(!sessions.in_cookies(&format!("pilothouse-8700={}", launch.reveal())));
        assert!(!sessions.in_cookies(""));
        assert!(sessions.is_launch(launch.reveal()));
        assert!(!sessions.is_launch(""));
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"));
    }
}
