//! The one address under which people reach a shared console.

use std::fmt;
use std::net::SocketAddr;

use reqwest::Url;

/// `https://pilothouse.example.com`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    authority: String,
    secure: bool,
    port: u16,
}

impl PublicUrl {
    /// Reads what someone wrote; the error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "write it as https://pilothouse.example.com";
        let url = Url::parse(text).map_err(|error| format!("{text} is no URL ({error}); {example}"))?;
        let secure = url.scheme() == "https";
        let host = url.host_str().filter(|_| secure || url.scheme() == "http");
        let host = host.ok_or_else(|| format!("{text} is no address of a web page; {example}"))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(format!("{text} says more than where the console is; {example}"));
        }
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if !secure && !local {
            return Err(format!("{text} would send credentials over the network for all to read; {example}"));
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { text: format!("{}://{authority}", url.scheme()), authority, secure, port })
    }

    pub(super) fn loopback(address: SocketAddr, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let authority = address.to_string();
        Self { text: format!("{scheme}://{authority}"), authority, secure: tls, port: address.port() }
    }

    /// Whether a `Host` header means this address.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        let usual = if self.secure { ":443" } else { ":80" };
        host.strip_suffix(usual).unwrap_or(host).eq_ignore_ascii_case(&self.authority)
    }

    /// Whether an `Origin` header means this address.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        origin.eq_ignore_ascii_case(&self.text)
    }

    /// Whether it is reached over HTTPS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for PublicUrl {
    /// Without a slash at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_where_and_nothing_else() {
        let url = PublicUrl::parse("https://Pilothouse.example.com/").unwrap();
        assert_eq!(url.to_string(), "https://pilothouse.example.com");
        assert!(url.is_host("pilothouse.example.com") && url.is_host("PILOTHOUSE.example.com:443"));
        for host in ["pilothouse.example.com:80", "evil.example", "x.pilothouse.example.com", ""] {
            assert!(!url.is_host(host), "{host}");
        }
        assert!(url.is_origin("https://pilothouse.example.com"));
        for origin in ["http://pilothouse.example.com", "null", "https://pilothouse.example.com:8443", ""] {
            assert!(!url.is_origin(origin), "{origin}");
        }
        let port = PublicUrl::parse("https://a.example:8443").unwrap();
        assert!(
            port.is_host("a.example:8443") && !port.is_host("a.example") && port.is_origin("https://a.example:8443")
        );
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (text, words) in [
            ("pilothouse.example.com", "is no URL"),
            ("http://pilothouse.example.com", "for all to read"),
            ("https://a.example/console", "says more"),
            ("https://a.example/?x", "says more"),
            ("https://me@a.example", "says more"),
            ("ftp://a.example", "no address of a web page"),
        ] {
            let said = PublicUrl::parse(text).unwrap_err();
            assert!(said.contains(words) && said.contains("https://pilothouse.example.com"), "{said}");
        }
        assert!(!PublicUrl::parse("http://localhost:8080").unwrap().is_secure());
    }
}
