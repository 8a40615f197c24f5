//! Sessions of a shared console: what someone signed in with, sealed into cookies that only this console opens.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderValue, header};
use pilothouse_app::Token;
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::seal::SessionKeys;

/// The longest value of one cookie: browsers take 4,096 bytes with name and attributes.
const PIECE: usize = 3_500;
/// The most cookies that one session may take.
const PIECES: usize = 6;
/// How long before its end a token counts as ended: clocks differ, and a request takes a while. Of a short life, a quarter.
const MARGIN: i64 = 60;

/// One person's session with one cluster.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Session {
    /// The cluster that the token is for, and no other.
    pub(crate) cluster: String,
    /// Name to show.
    pub(crate) name: String,
    /// Whether the cluster said that name: older API servers do not, and another may be that of many.
    #[serde(default)]
    pub(crate) named: bool,
    /// The token that the cluster takes.
    pub(crate) token: String,
    /// When the token was had, in seconds since 1970.
    pub(crate) token_from: i64,
    /// When it ends; `None` when it does not say.
    pub(crate) token_end: Option<i64>,
    /// What another token is had with.
    pub(crate) refresh: Option<String>,
    /// Who the issuer says it is; no other person's token takes the place of this one.
    pub(crate) subject: Option<String>,
    /// When the session ends, whatever its tokens say.
    pub(crate) until: i64,
    /// Drawn when it began: tells it from others of the same person.
    #[serde(default)]
    pub(crate) number: u64,
}

impl std::fmt::Debug for Session {
    /// Never shows a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("cluster", &self.cluster).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Session {
    /// The credential.
    pub(crate) fn token(&self) -> Token {
        Token::new(self.token.as_str())
    }

    /// From when on another token must be had; `None` when the token does not say when it ends.
    pub(crate) fn due(&self) -> Option<i64> {
        let end = self.token_end?;
        let life = end.saturating_sub(self.token_from).max(0);
        Some(end.saturating_sub(MARGIN.min(life / 4)))
    }

    /// Whether the token is still good.
    pub(crate) fn is_good(&self, now: i64) -> bool {
        now < self.until && self.token_end.is_none_or(|end| now < end)
    }

    /// Whether it is time to have another token, and there is a way to.
    pub(crate) fn wants_refresh(&self, now: i64) -> bool {
        now < self.until && self.refresh.is_some() && self.due().is_some_and(|due| now >= due)
    }

    /// When whatever was begun with it must end: when another token must be had, or there is none any more.
    pub(crate) fn lasts(&self) -> i64 {
        let end = if self.refresh.is_some() { self.due() } else { self.token_end };
        end.map_or(self.until, |end| end.min(self.until))
    }
}

/// How cookies are made for one public address.
#[derive(Clone, Debug)]
pub(crate) struct Cookies {
    keys: SessionKeys,
    prefix: String,
    secure: bool,
}

impl Cookies {
    /// `port` keeps the cookies of two consoles on one host apart where no prefix does: cookies know no ports.
    pub(crate) fn new(keys: SessionKeys, secure: bool, port: u16) -> Self {
        // Browsers take a cookie of this prefix only from the very host, over HTTPS: no neighbour can plant one.
        let prefix = if secure { "__Host-pilothouse".to_owned() } else { format!("pilothouse-{port}") };
        Self { keys, prefix, secure }
    }

    /// The session with a cluster that a request carries, if it is whole, ours, and not over.
    pub(crate) fn session(&self, jar: &Jar<'_>, cluster: &str, now: i64) -> Option<Session> {
        let base = self.base(cluster);
        let first = jar.get(&format!("{base}-0"))?;
        let (count, start) = first.split_once('.')?;
        let count: usize = count.parse().ok().filter(|count| (1..=PIECES).contains(count))?;
        let mut sealed = start.to_owned();
        for index in 1..count {
            sealed.push_str(jar.get(&format!("{base}-{index}"))?);
        }
        let plain = self.keys.open(&purpose(cluster), &sealed)?;
        let session: Session = serde_json::from_slice(&plain).ok()?;
        (session.cluster == cluster && now < session.until).then_some(session)
    }

    /// The headers that begin or renew a session and take away what a longer one left; `None` when it is too long to travel.
    pub(crate) fn begin(&self, session: &Session, jar: &Jar<'_>, now: i64) -> Option<Vec<HeaderValue>> {
        let plain = serde_json::to_vec(session).ok()?;
        let sealed = self.keys.seal(&purpose(&session.cluster), &plain)?;
        let count = sealed.len().div_ceil(PIECE);
        if count > PIECES {
            return None;
        }
        let base = self.base(&session.cluster);
        let lasts = session.until.saturating_sub(now).max(0);
        let mut headers = Vec::new();
        for index in 0..count {
            let piece = sealed.get(index * PIECE..sealed.len().min((index + 1) * PIECE))?;
            let value = if index == 0 { format!("{count}.{piece}") } else { piece.to_owned() };
            headers.push(self.set(&format!("{base}-{index}"), &value, lasts)?);
        }
        headers.extend(self.clear(&session.cluster, jar, count));
        Some(headers)
    }

    /// The headers that end a session.
    pub(crate) fn end(&self, cluster: &str, jar: &Jar<'_>) -> Vec<HeaderValue> {
        self.clear(cluster, jar, 0)
    }

    fn clear(&self, cluster: &str, jar: &Jar<'_>, from: usize) -> Vec<HeaderValue> {
        let base = self.base(cluster);
        let names = (from..PIECES).map(|index| format!("{base}-{index}"));
        names.filter(|name| jar.get(name).is_some()).filter_map(|name| self.set(&name, "", 0)).collect()
    }

    /// A short-lived value for one sign-in under way, found by `key`. It is no session and never becomes one.
    pub(crate) fn set_flow(&self, key: &str, value: &[u8], lasts: i64) -> Option<HeaderValue> {
        let sealed = self.keys.seal("flow", value)?;
        self.set(&self.flow(key), &sealed, lasts)
    }

    /// What was set for a sign-in under way.
    pub(crate) fn get_flow(&self, key: &str, jar: &Jar<'_>) -> Option<Vec<u8>> {
        self.keys.open("flow", jar.get(&self.flow(key))?)
    }

    /// The header that ends a sign-in under way.
    pub(crate) fn end_flow(&self, key: &str) -> Option<HeaderValue> {
        self.set(&self.flow(key), "", 0)
    }

    /// The headers that end sign-ins that were never finished, but for the newest few: nobody can fill the browser with them.
    pub(crate) fn end_flows(&self, jar: &Jar<'_>, keep: usize) -> Vec<HeaderValue> {
        let start = format!("{}-flow-", self.prefix);
        let names = jar.0.keys().filter(|name| name.starts_with(&start));
        names.skip(keep).filter_map(|name| self.set(name, "", 0)).collect()
    }

    fn flow(&self, key: &str) -> String {
        format!("{}-flow-{}", self.prefix, short(key))
    }

    fn base(&self, cluster: &str) -> String {
        format!("{}-{}", self.prefix, short(cluster))
    }

    fn set(&self, name: &str, value: &str, lasts: i64) -> Option<HeaderValue> {
        // Lax: a link in a chat leads to the page and not to the sign-in; nothing changes anything by GET.
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).ok()
    }
}

/// The cookies of one request, by name. Of several with one name the first counts.
pub(crate) struct Jar<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Jar<'a> {
    /// Reads all `Cookie` headers: HTTP/2 may send several.
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut cookies = BTreeMap::new();
        let texts = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        for (name, value) in texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('=')) {
            cookies.entry(name).or_insert(value);
        }
        Self(cookies)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }
}

/// What a sealed session is for.
fn purpose(cluster: &str) -> String {
    format!("session {cluster}")
}

/// A name of any kind as a few letters that a cookie's name can hold.
fn short(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    super::hex(&hash.as_ref()[..8])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn session(token: &str) -> Session {
        Session {
            cluster: "prod".into(),
            name: "ada".into(),
            named: false,
            token: token.into(),
            token_from: 1_000,
            token_end: Some(2_000),
            refresh: Some("again".into()),
            subject: None,
            until: 10_000,
            number: 0,
        }
    }

    /// The browser's side: takes what is set, sends what it has.
    pub(crate) fn browse(cookies: &mut BTreeMap<String, String>, headers: &[HeaderValue]) -> HeaderMap {
        for header in headers {
            let text = header.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            assert!(text.len() < 4_096, "{}", text.len());
            if text.contains("Max-Age=0;") {
                cookies.remove(name)
            } else {
                cookies.insert(name.into(), value.into())
            };
        }
        sent(cookies)
    }

    fn sent(cookies: &BTreeMap<String, String>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let text = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        headers.insert(header::COOKIE, text.parse().unwrap());
        headers
    }

    #[test]
    fn sessions_of_any_length_come_back_or_are_refused() {
        let cookies = Cookies::new(SessionKeys::random(), true, 443);
        let mut browser = BTreeMap::new();
        for length in [1, 3_000, 9_000, 2_500, 12_000, 10] {
            let session = session(&"t".repeat(length));
            let sent = browse(&mut browser, &[]);
            let set = cookies.begin(&session, &Jar::read(&sent), 0).unwrap();
            let sent = browse(&mut browser, &set);
            assert_eq!(cookies.session(&Jar::read(&sent), "prod", 0), Some(session), "{length}");
        }
        assert_eq!(browser.len(), 1, "what the longer ones left is gone");
        let long = session(&"t".repeat(20_000));
        assert_eq!(cookies.begin(&long, &Jar::read(&HeaderMap::new()), 0), None);
    }

    #[test]
    fn a_session_is_good_for_its_cluster_and_its_time() {
        let cookies = Cookies::new(SessionKeys::random(), false, 8700);
        let mut browser = BTreeMap::new();
        let set = cookies.begin(&session("t"), &Jar::read(&HeaderMap::new()), 0).unwrap();
        let headers = browse(&mut browser, &set);
        let jar = Jar::read(&headers);
        assert!(cookies.session(&jar, "prod", 9_999).is_some());
        assert!(cookies.session(&jar, "prod", 10_000).is_none(), "it is over");
        assert!(cookies.session(&jar, "dev", 0).is_none());
        // The same value under the name of another cluster's cookie.
        let (_, value) = browser.first_key_value().unwrap();
        let moved = sent(&BTreeMap::from([(format!("{}-0", cookies.base("dev")), value.clone())]));
        assert!(cookies.session(&Jar::read(&moved), "dev", 0).is_none());
        assert_eq!(cookies.end("prod", &jar).len(), 1);
    }

    #[test]
    fn a_sign_in_under_way_is_no_session() {
        let cookies = Cookies::new(SessionKeys::random(), true, 443);
        let plain = serde_json::to_vec(&session("t")).unwrap();
        let set = cookies.set_flow("state", &plain, 600).unwrap();
        let text = set.to_str().unwrap();
        assert!(
            text.starts_with("__Host-pilothouse-flow-") && text.ends_with("HttpOnly; SameSite=Lax; Secure"),
            "{text}"
        );
        let value = text.split(';').next().unwrap().split_once('=').unwrap().1;
        for value in [value.to_owned(), format!("1.{value}")] {
            let sent = sent(&BTreeMap::from([(format!("{}-0", cookies.base("prod")), value)]));
            assert_eq!(cookies.session(&Jar::read(&sent), "prod", 0), None);
        }
        let mut browser = BTreeMap::new();
        for state in ["a", "b", "c", "d"] {
            browse(&mut browser, &[cookies.set_flow(state, b"x", 600).unwrap()]);
        }
        let headers = sent(&browser);
        let jar = Jar::read(&headers);
        assert_eq!(cookies.get_flow("b", &jar).unwrap(), b"x");
        assert_eq!(cookies.get_flow("e", &jar), None);
        assert_eq!(cookies.end_flows(&jar, 3).len(), 1);
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let session = session("t");
        assert_eq!(session.due(), Some(1_940));
        assert!(!session.wants_refresh(1_939) && session.wants_refresh(1_940) && session.is_good(1_999));
        assert!(!session.is_good(2_000));
        assert_eq!(session.lasts(), 1_940);
        let short = Session { token_end: Some(1_020), ..session.clone() };
        assert_eq!(short.due(), Some(1_015));
        let pasted = Session { refresh: None, token_end: None, ..session.clone() };
        assert!(!pasted.wants_refresh(9_000) && pasted.is_good(9_000) && !pasted.is_good(10_000));
        assert_eq!((pasted.lasts(), Session { refresh: None, ..session }.lasts()), (10_000, 2_000));
    }
}
