//! People who sign in to a shared console: which sessions a request carries, and how one comes about, is renewed and ends.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use pilothouse_app::{AppError, Engine, ErrorKind, Person, Token};
use pilothouse_model::ClusterId;
use ring::digest;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::claims;
use crate::guard::Streams;
use crate::openid::{Granted, Issuer, IssuerOptions, OpenIdError};
use crate::seal::SessionKeys;
use crate::session::sealed::{Cookies, Jar, Session};

mod public;
mod renew;

pub use public::PublicUrl;
use renew::Renewals;

/// How many sign-ins and looks at new credentials may be under way at once: each makes a cluster or an issuer work.
const AT_ONCE: usize = 64;
/// How long a cluster may take to say whom a credential belongs to.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a request waits for another token while its own is still good.
const RENEWAL: Duration = Duration::from_secs(2);
/// How long an API client's credential counts as looked at.
const LOOKED_AT: Duration = Duration::from_secs(30);
/// How many of those are remembered.
const MOST_LOOKED_AT: usize = 10_000;

/// How a console is shared.
#[derive(Debug)]
pub struct SharedOptions {
    /// The one address under which people reach it.
    pub public: PublicUrl,
    /// What seals sessions.
    pub keys: SessionKeys,
    /// How long a session lasts.
    pub session: Duration,
    /// Issuers by cluster; a cluster without one takes bearer tokens only.
    pub issuers: BTreeMap<String, IssuerOptions>,
    /// Certificate and key, where no proxy in front speaks TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// The name of somebody, and whether the cluster said it.
type Name = (String, bool);

/// What everyone who signs in shares.
pub(crate) struct Shared {
    engine: Engine,
    pub(crate) public: PublicUrl,
    pub(crate) cookies: Cookies,
    lasts: i64,
    issuers: BTreeMap<String, Arc<Issuer>>,
    clusters: Vec<String>,
    renewals: Renewals,
    looked_at: Mutex<HashMap<[u8; 32], (Instant, Name)>>,
    at_once: Semaphore,
    pub(crate) streams: Streams,
}

/// What a request showed of itself.
#[derive(Default)]
pub(crate) struct Seen {
    /// Good sessions, one per cluster.
    pub(crate) sessions: Vec<Session>,
    /// Cookies that the answer must set.
    pub(crate) set: Vec<HeaderValue>,
}

/// Who is signed in, for the frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SignedIn(pub(crate) Vec<(String, String)>);

impl Shared {
    pub(crate) fn new(engine: Engine, options: SharedOptions, streams: Streams) -> Result<Self, OpenIdError> {
        let clusters: Vec<String> = engine.clusters().into_iter().map(|view| view.id.as_str().to_owned()).collect();
        let mut issuers = BTreeMap::new();
        for (cluster, issuer) in options.issuers {
            if !clusters.contains(&cluster) {
                let known = clusters.join(", ");
                let reason = format!("there is no cluster named {cluster} to sign in to; there are {known}");
                return Err(OpenIdError::Options { issuer: issuer.issuer_url, reason });
            }
            issuers.insert(cluster, Arc::new(Issuer::new(issuer)?));
        }
        let cookies = Cookies::new(options.keys, options.public.is_secure(), options.public.port());
        Ok(Self {
            engine,
            public: options.public,
            cookies,
            lasts: i64::try_from(options.session.as_secs()).unwrap_or(i64::MAX),
            issuers,
            clusters,
            renewals: Renewals::default(),
            looked_at: Mutex::default(),
            at_once: Semaphore::new(AT_ONCE),
            streams,
        })
    }

    pub(crate) fn clusters(&self) -> &[String] {
        &self.clusters
    }

    pub(crate) fn issuer(&self, cluster: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(cluster)
    }

    pub(crate) fn now(&self) -> i64 {
        self.engine.now().as_second()
    }

    /// Where the issuer of a cluster sends the browser back to. Each cluster has its own, so that the answer of one issuer is
    /// never taken for that of another.
    pub(crate) fn callback(&self, cluster: &str) -> String {
        format!("{}{}", self.public, crate::urls::callback(cluster))
    }

    /// The sessions that a request carries, without asking anybody.
    pub(crate) fn sessions(&self, jar: &Jar<'_>) -> Vec<Session> {
        let now = self.now();
        let found = self.clusters.iter().filter_map(|cluster| self.cookies.session(jar, cluster, now));
        found.filter(|session| session.is_good(now) || session.refresh.is_some()).collect()
    }

    /// The sessions that a request for `cluster` (or for several) carries, renewed where it is time.
    pub(crate) async fn recognise(&self, headers: &HeaderMap, cluster: Option<&str>) -> Seen {
        let (jar, now) = (Jar::read(headers), self.now());
        let mut seen = Seen::default();
        for name in &self.clusters {
            let Some(session) = self.cookies.session(&jar, name, now) else { continue };
            let wanted = cluster.is_none_or(|cluster| cluster == name);
            let session = match self.issuer(name).filter(|_| wanted && session.wants_refresh(now)) {
                Some(issuer) => {
                    let callback = self.callback(name);
                    let renewing = self.renewals.renew(issuer, &callback, session.clone(), now);
                    let renewed = if session.is_good(now) {
                        // It goes on; a later request takes what comes of it. Nobody's page waits for an issuer meanwhile.
                        tokio::time::timeout(RENEWAL, renewing).await.unwrap_or(None)
                    } else {
                        renewing.await
                    };
                    if let Some(Ok(renewed)) = &renewed {
                        match self.cookies.begin(renewed, &jar, now) {
                            Some(cookies) => seen.set.extend(cookies),
                            None => tracing::warn!(cluster = name, "a renewed session is too long for a browser"),
                        }
                    }
                    match renewed {
                        Some(Ok(renewed)) => renewed,
                        // The issuer says no: it is over. What it does not say may still come.
                        Some(Err(())) => Session { refresh: None, ..session },
                        None => session,
                    }
                }
                None => session,
            };
            if session.is_good(now) {
                seen.sessions.push(session);
            } else if session.refresh.is_none() {
                seen.set.extend(self.cookies.end(name, &jar));
            }
        }
        seen
    }

    /// The engine as the one with these sessions sees it. The name is that of the cluster asked for.
    pub(crate) fn engine(&self, sessions: &[Session], cluster: Option<&str>) -> Engine {
        let asked = sessions.iter().find(|session| cluster == Some(session.cluster.as_str()));
        let name = asked.or(sessions.first()).map(|session| session.name.clone()).unwrap_or_default();
        let tokens =
            sessions.iter().map(|session| (ClusterId::new(session.cluster.as_str()), session.token())).collect();
        self.engine.seen_by(Arc::new(Person::new(name, tokens)))
    }

    /// A session with a token that somebody brought. There is none before the cluster said that it accepts the token.
    pub(crate) async fn sign_in(&self, cluster: &str, token: &str) -> Result<Session, AppError> {
        let told = claims::read(token);
        let end = told.as_ref().and_then(claims::end);
        if end.is_some_and(|end| end <= self.now()) {
            return Err(AppError::new(ErrorKind::Unauthorized, "this token has ended").hint("get a new one"));
        }
        let name = self.identify(cluster, &Token::new(token)).await?;
        let named = name.is_some();
        let name = name.or_else(|| claims::name(&told?, None)).unwrap_or_else(|| "signed in".to_owned());
        Ok(self.session(cluster, (name, named), token))
    }

    /// A session with a bearer token that nothing renews.
    fn session(&self, cluster: &str, (name, named): Name, token: &str) -> Session {
        let now = self.now();
        Session {
            cluster: cluster.to_owned(),
            name,
            named,
            token: token.to_owned(),
            token_from: now,
            token_end: claims::read(token).as_ref().and_then(claims::end),
            refresh: None,
            subject: None,
            until: now.saturating_add(self.lasts),
            number: rand::random(),
        }
    }

    /// A session with what an issuer gave; the cluster must accept it, too.
    pub(crate) async fn sign_in_with(&self, cluster: &str, granted: Granted) -> Result<Session, AppError> {
        let name = self.identify(cluster, &Token::new(granted.token.as_str())).await.map_err(|error| {
            if error.kind != ErrorKind::Unauthorized {
                return error;
            }
            AppError::new(
                ErrorKind::Unauthorized,
                "the issuer signed you in, but the cluster does not accept its token",
            )
            .hint("the cluster must know the same issuer and client id; ask whoever runs it")
        })?;
        let now = self.now();
        Ok(Session {
            cluster: cluster.to_owned(),
            named: name.is_some(),
            name: name.unwrap_or(granted.name),
            token: granted.token,
            token_from: now,
            token_end: Some(granted.end),
            refresh: granted.refresh,
            subject: Some(granted.subject),
            until: now.saturating_add(self.lasts),
            number: rand::random(),
        })
    }

    /// A session for one request with the credential that it brought itself.
    pub(crate) async fn bearer(&self, cluster: &str, token: &str) -> Result<Session, AppError> {
        let key = fingerprint(&[cluster, token]);
        let known = self.looked_at(key);
        let fresh = known.is_none();
        let session = match known {
            Some(name) => self.session(cluster, name, token),
            None => self.sign_in(cluster, token).await?,
        };
        if fresh {
            self.remember(key, (session.name.clone(), session.named));
        }
        Ok(session)
    }

    /// Whether the cluster does not accept the credential of a session any more.
    pub(crate) async fn is_refused(&self, session: &Session) -> bool {
        let key = fingerprint(&[&session.cluster, &session.token]);
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let answer = self.identify(&session.cluster, &session.token()).await;
        answer.is_err_and(|error| error.kind == ErrorKind::Unauthorized)
    }

    /// Whom the cluster takes the bearer of a token for.
    async fn identify(&self, cluster: &str, token: &Token) -> Result<Option<String>, AppError> {
        let busy = || AppError::new(ErrorKind::Unavailable, "too many people sign in at once; try again in a moment");
        let _turn = self.at_once.try_acquire().map_err(|_| busy())?;
        match tokio::time::timeout(PATIENCE, self.engine.identify(cluster, token)).await {
            Ok(Err(error)) if self.clusters.iter().any(|known| known == cluster) => Err(discreet(cluster, &error)),
            Ok(answer) => answer,
            Err(_) => Err(AppError::new(ErrorKind::Unavailable, format!("the cluster {cluster} does not answer"))
                .hint("try again in a moment")),
        }
    }

    /// Whose a credential was when it was looked at a moment ago.
    fn looked_at(&self, key: [u8; 32]) -> Option<Name> {
        let looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        looked_at.get(&key).filter(|(when, _)| when.elapsed() < LOOKED_AT).map(|(_, name)| name.clone())
    }

    fn remember(&self, key: [u8; 32], name: Name) {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        looked_at.retain(|_, (when, _)| when.elapsed() < LOOKED_AT);
        if looked_at.len() < MOST_LOOKED_AT {
            looked_at.insert(key, (Instant::now(), name));
        }
    }
}

/// A cluster's failure for whoever did not sign in: that one learns no address of an API server, and has no kubeconfig.
fn discreet(cluster: &str, error: &AppError) -> AppError {
    match error.kind {
        ErrorKind::Unauthorized => AppError::new(ErrorKind::Unauthorized, "the cluster does not accept this token")
            .hint("it may have ended, or be for another cluster"),
        kind => {
            tracing::warn!(cluster, error = error.message, "a cluster cannot be asked whose a token is");
            AppError::new(kind, "the cluster does not answer as it should")
                .hint("try again in a moment; whoever runs the console sees more in its log")
        }
    }
}

/// Stands for secrets where they are only compared. The parts do not run into each other.
pub(crate) fn fingerprint(parts: &[&str]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// What someone pasted, as a token; `None` when it cannot be one.
pub(crate) fn pasted(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = text.strip_prefix("Bearer").filter(|rest| rest.is_empty() || rest.starts_with(' '));
    let text = bare.unwrap_or(text).trim();
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

/// Where to go after signing in: a page of this console, and of no other site.
pub(crate) fn destination(then: &str) -> &str {
    let odd = |character: char| character.is_control() || character == '\\' || !character.is_ascii();
    let local = then.starts_with('/') && !then.starts_with("//") && !then.contains(odd) && then.len() <= 4_096;
    let path = then.split(['?', '#']).next().unwrap_or_default();
    // Back to signing in would go round in circles; the API is for programs.
    let page = !["/sign-in", "/sign-out", "/api"]
        .iter()
        .any(|part| path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if local && page { then } else { "/" }
}

/// The address for a loopback listener that nobody gave a name.
pub fn loopback_url(address: SocketAddr, tls: bool) -> PublicUrl {
    PublicUrl::loopback(address, tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_whoever_did_not_sign_in_nothing_of_the_cluster() {
        for (kind, message, hint) in [
            (
                ErrorKind::Unavailable,
                "cannot reach the API server https://10.0.0.1:6443: refused",
                "`kubectl cluster-info`",
            ),
            (
                ErrorKind::Unauthorized,
                "the API server https://10.0.0.1:6443 does not know who we are: no",
                "the kubeconfig",
            ),
            (ErrorKind::Malformed, "cannot read the answer to GET /: 1", "check `server` in the kubeconfig"),
            (ErrorKind::Unavailable, "the API server answered 500 to POST /: dial tcp 10.0.0.1:2379", "see its log"),
        ] {
            let shown = discreet("prod", &AppError::new(kind, message).hint(hint));
            let words = format!("{} {}", shown.message, shown.hint.unwrap());
            assert!(!words.contains("10.0.0.1") && !words.contains("kube"), "{words}");
            assert_eq!(shown.kind, kind);
        }
    }

    #[test]
    fn one_comes_back_to_pages_of_this_console_only() {
        for good in ["/", "/c/prod", "/c/a%2Fb/r/core/v1/pods?q=state:failed%20oom&ns=a", "/sign-inward", "/c/x#y"] {
            assert_eq!(destination(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "///evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil",
            "/c/\r\nset-cookie: a=b",
            "c/prod",
            "javascript:alert(1)",
            "/c/ä",
            "/sign-in",
            "/sign-in/x",
            "/sign-out?x",
            "/api",
            "/api/v1/clusters",
            " //evil",
        ] {
            assert_eq!(destination(bad), "/", "{bad:?}");
        }
        assert_eq!(destination(&format!("/{}", "a".repeat(5_000))), "/");
    }

    #[test]
    fn pasted_tokens_are_taken_as_people_paste_them() {
        assert_eq!(pasted("  Bearer abc.def \n"), Some("abc.def"));
        assert_eq!(pasted("abc"), Some("abc"));
        for odd in ["", "  ", "a b", "ä", "a\nb", "Bearer "] {
            assert_eq!(pasted(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn fingerprints_keep_clusters_apart() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_ne!(fingerprint(&["prod", "t"]), fingerprint(&["dev", "t"]));
        assert_eq!(fingerprint(&["prod", "t"]), fingerprint(&["prod", "t"]));
    }
}
