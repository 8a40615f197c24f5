//! A browser as far as signing in needs one: cookies by path, redirects, plain forms.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};

/// Keeps cookies and follows redirects.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    jar: Vec<Cookie>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// A page that was arrived at.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Page {
    /// Where the form of this page goes.
    pub(crate) fn form(&self) -> Option<Url> {
        let rest = self.text.split("action=\"").nth(1)?;
        self.url.join(&unescape(rest.split('"').next()?)).ok()
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let rest = self.text.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
        rest.split('"').next().map(unescape)
    }

    /// The first link whose address holds this text.
    pub(crate) fn link(&self, part: &str) -> Option<Url> {
        let mut links = self.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(unescape);
        self.url.join(&links.find(|link| link.contains(part))?).ok()
    }
}

fn unescape(text: &str) -> String {
    text.replace("&amp;", "&").replace("&quot;", "\"")
}

impl Browser {
    /// A new browser that trusts this authority.
    pub(crate) fn new(authority: &str) -> Self {
        pilothouse_harness::api::install_cryptography();
        let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
        let redirect = reqwest::redirect::Policy::none();
        let client = Client::builder().tls_certs_only([authority]).no_proxy().redirect(redirect).build().unwrap();
        Self { client, jar: Vec::new() }
    }

    /// The value of a cookie whose name begins like this.
    pub(crate) fn cookie(&self, start: &str) -> Option<&str> {
        self.jar.iter().find(|cookie| cookie.name.starts_with(start)).map(|cookie| cookie.value.as_str())
    }

    /// All cookies for the root of the site, as a header.
    pub(crate) fn cookies(&self) -> String {
        let here = self.jar.iter().filter(|cookie| cookie.path == "/");
        here.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    /// Opens an address and follows where it leads.
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        self.go(Method::GET, Url::parse(url).unwrap(), String::new()).await
    }

    /// Sends a form, as a page of the same site does.
    pub(crate) async fn submit(&mut self, url: Url, body: &str) -> Page {
        self.go(Method::POST, url, body.to_owned()).await
    }

    async fn go(&mut self, mut method: Method, mut url: Url, mut body: String) -> Page {
        for _ in 0..20 {
            let mut request = self.client.request(method.clone(), url.clone()).timeout(Duration::from_secs(60));
            let here = |cookie: &&Cookie| url.path().starts_with(&cookie.path);
            let cookies: Vec<_> =
                self.jar.iter().filter(here).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
            request = request.header("cookie", cookies.join("; ")).header("accept", "text/html");
            if method == Method::POST {
                let origin = url.origin().ascii_serialization();
                request = request.header("origin", origin).header("content-type", "application/x-www-form-urlencoded");
            }
            let answer = request.body(std::mem::take(&mut body)).send().await.unwrap();
            for set in answer.headers().get_all("set-cookie") {
                self.keep(set.to_str().unwrap());
            }
            if !answer.status().is_redirection() {
                let status = answer.status();
                return Page { url, status, text: answer.text().await.unwrap() };
            }
            url = url.join(answer.headers()["location"].to_str().unwrap()).unwrap();
            method = Method::GET;
        }
        panic!("it goes round in circles at {url}");
    }

    fn keep(&mut self, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<_> = parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        let attribute = |wanted: &str| {
            attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| (*value).to_owned())
        };
        let path = attribute("path").unwrap_or_else(|| "/".to_owned());
        self.jar.retain(|cookie| cookie.name != name || cookie.path != path);
        let over =
            attribute("max-age").as_deref() == Some("0") || attribute("expires").is_some_and(|e| e.contains("1970"));
        if !over {
            self.jar.push(Cookie { name: name.to_owned(), value: value.to_owned(), path });
        }
    }
}
