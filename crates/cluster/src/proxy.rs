//! Which proxy leads to an API server. Decided as kubectl does, because kube 5.0 compares `NO_PROXY` with the proxy's own
//! address instead of the server's, even when the kubeconfig names the proxy.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy for `server`: the one `named` in the kubeconfig whatever the environment says, else the environment's, unless
/// its rules leave the server out. `found` is the environment's proxy as kube read it, with user and password.
pub(crate) fn choose(
    named: Option<&str>,
    found: Option<Uri>,
    server: &Uri,
    environment: &Matcher,
) -> Result<Option<Uri>, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return named.parse().map(Some).map_err(|error| format!("its `proxy-url` is not a URL: {error}"));
    }
    if server.host().is_some_and(is_this_machine) {
        return Ok(None);
    }
    Ok(environment.intercept(server).map(|proxy| found.unwrap_or_else(|| proxy.uri().clone())))
}

/// Whether a URL's host is a loopback address.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        for host in ["localhost", "127.0.0.1", "127.3.2.1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "[fe80::1]", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn the_environments_proxy_is_left_out_where_it_says_so_and_on_loopback() {
        let environment = Matcher::builder().https("http://proxy.example.com:3128").no("10.0.0.0/8,.internal").build();
        let found: Uri = "http://me:secret@proxy.example.com:3128".parse().unwrap();
        let choose = |named, server: &str| {
            let proxy = choose(named, Some(found.clone()), &server.parse().unwrap(), &environment).unwrap();
            proxy.map(|proxy| proxy.to_string())
        };
        let through = Some("http://me:secret@proxy.example.com:3128/".to_owned());
        assert_eq!(choose(None, "https://k8s.example.com"), through);
        assert_eq!(choose(Some(""), "https://k8s.example.com"), through);
        for direct in
            ["https://10.1.2.3:6443", "https://k8s.internal", "https://127.0.0.1:6443", "http://k8s.example.com"]
        {
            assert_eq!(choose(None, direct), None, "{direct}");
        }
        // A proxy on this machine, named in the kubeconfig, is used whatever NO_PROXY says.
        let named = Some("socks5://127.0.0.1:1080");
        assert_eq!(choose(named, "https://10.1.2.3:6443"), Some("socks5://127.0.0.1:1080/".to_owned()));
    }
}
