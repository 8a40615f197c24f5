//! `pilothouse serve --shared`: from options and files to what the server needs.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pilothouse_app::{Contexts, Engine, Sharing};
use pilothouse_model::ClusterId;
use pilothouse_web::{Door, IssuerOptions, PublicUrl, SessionKeys, SharedOptions, loopback_url, tls};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{listen, open};
use crate::arguments::ServeArguments;
use crate::arguments::shared::SharedArguments;
use crate::audit;
use crate::failure::Failure;

/// What an issuer is asked for besides `openid` when nobody says otherwise.
const SCOPES: [&str; 2] = ["profile", "email"];
/// How many hours a session lasts when nobody says otherwise.
const HOURS: u64 = 12;

/// The file of `--config`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    clusters: BTreeMap<String, ClusterConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterConfig {
    oidc: Option<IssuerConfig>,
    /// Where to look for what people may read, where they may not list namespaces.
    #[serde(default)]
    namespaces: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct IssuerConfig {
    issuer_url: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    scopes: Option<Vec<String>>,
    username_claim: Option<String>,
}

/// Listens, says where, and serves everybody who signs in until `stop`.
pub(super) async fn run(contexts: Contexts, options: &ServeArguments, stop: CancellationToken) -> Result<(), Failure> {
    let shared = &options.shared;
    let listener = listen(options.listen.listen, true).await?;
    let address = listener.local_addr()?;
    let clusters: Vec<String> = contexts.names().into_iter().map(str::to_owned).collect();
    let config = shared.config.as_deref().map(|path| read_config(path, &clusters)).transpose()?.unwrap_or_default();
    let namespaces =
        config.clusters.iter().map(|(name, cluster)| (ClusterId::new(name.as_str()), cluster.namespaces.clone()));
    let sharing = Sharing {
        user_credentials_only: shared.user_credentials_only,
        namespaces: namespaces.collect(),
        ..Sharing::default()
    };
    let door = door(shared, address, (config, &clusters))?;
    let public = door.public.clone();
    let engine = Engine::shared(contexts, sharing);
    audit::begin(engine.audit(), &options.listen.audit, true)?;
    // Connecting begins now, so that the first page has something to show.
    engine.cluster(engine.current().as_str())?;
    let mut out = std::io::stdout();
    writeln!(out, "Pilothouse is open at {public} (it listens on {address})")?;
    out.flush()?;
    open(engine, (listener, Door::Shared(Box::new(door))), &options.listen, stop).await
}

fn door(
    options: &SharedArguments,
    address: SocketAddr,
    (config, clusters): (Config, &[String]),
) -> Result<SharedOptions, Failure> {
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Some(tls(certificate, key).map_err(other)?),
        _ => None,
    };
    let public = match &options.public_url {
        Some(url) => PublicUrl::parse(url).map_err(|why| Failure::Other(format!("--public-url: {why}")))?,
        None if address.ip().is_loopback() => loopback_url(address, tls.is_some()),
        None => {
            return Err(Failure::Other(format!(
                "the console listens on {address}, and does not know under which name people reach it; say it with \
                 --public-url https://pilothouse.example.com"
            )));
        }
    };
    let keys = if options.session_key.is_empty() {
        tracing::warn!("no --session-key: everybody has to sign in again when this process ends");
        SessionKeys::random()
    } else {
        SessionKeys::read(&options.session_key).map_err(other)?
    };
    let session = Duration::from_secs(options.session_hours.unwrap_or(HOURS) * 3_600);
    Ok(SharedOptions { public, keys, session, issuers: issuers(options, (config, clusters))?, tls })
}

/// The issuer of each cluster, from the file and the options.
fn issuers(
    options: &SharedArguments,
    (config, clusters): (Config, &[String]),
) -> Result<BTreeMap<String, IssuerOptions>, Failure> {
    let mut issuers = BTreeMap::new();
    let folder = options.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    for (cluster, config) in config.clusters {
        if let Some(issuer) = config.oidc {
            issuers.insert(cluster, issuer.read(folder)?);
        }
    }
    let (Some(issuer_url), Some(client_id)) = (&options.oidc_issuer_url, &options.oidc_client_id) else {
        return Ok(issuers);
    };
    let [cluster] = clusters else {
        return Err(Failure::Other(format!(
            "--oidc-issuer-url is for one cluster, and there are {}; name the issuer of each in the file of --config",
            clusters.join(", ")
        )));
    };
    let issuer = IssuerConfig {
        issuer_url: issuer_url.clone(),
        client_id: client_id.clone(),
        client_secret_file: options.oidc_client_secret_file.clone(),
        ca_file: options.oidc_ca_file.clone(),
        scopes: options.oidc_scopes.clone(),
        username_claim: options.oidc_username_claim.clone(),
    };
    if issuers.insert(cluster.clone(), issuer.read(Path::new(""))?).is_some() {
        return Err(Failure::Other(format!(
            "the issuer of {cluster} is in the file of --config and in --oidc-issuer-url"
        )));
    }
    Ok(issuers)
}

/// Reads the file of `--config`, which is about these clusters.
fn read_config(path: &Path, clusters: &[String]) -> Result<Config, Failure> {
    let config = parse_config(path)?;
    match config.clusters.keys().find(|name| !clusters.contains(name)) {
        Some(name) => Err(Failure::Other(format!(
            "{} names the cluster {name}, which the kubeconfig does not have; it has {}",
            path.display(),
            clusters.join(", ")
        ))),
        None => Ok(config),
    }
}

fn parse_config(path: &Path) -> Result<Config, Failure> {
    let wrong = |why: String| Failure::Other(format!("{} is no configuration of the console: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    if text.trim().is_empty() {
        return Ok(Config::default());
    }
    serde_saphyr::from_str(&text).map_err(|error| wrong(error.without_snippet().to_string()))
}

impl IssuerConfig {
    /// Reads the files that it names; they stand beside the one that names them.
    fn read(self, folder: &Path) -> Result<IssuerOptions, Failure> {
        let read = |path: &PathBuf| {
            let path = folder.join(path);
            std::fs::read(&path).map_err(|error| {
                Failure::Other(format!(
                    "cannot read {}, which the issuer {} needs: {error}",
                    path.display(),
                    self.issuer_url
                ))
            })
        };
        let secret = self.client_secret_file.as_ref().map(read).transpose()?;
        let secret = secret.map(|secret| String::from_utf8_lossy(&secret).trim().to_owned());
        if let (Some(file), Some("")) = (&self.client_secret_file, secret.as_deref()) {
            return Err(Failure::Other(format!(
                "{} is empty: the secret of the client {} is missing; a public client has no such file",
                folder.join(file).display(),
                self.client_id
            )));
        }
        Ok(IssuerOptions {
            authorities: self.ca_file.as_ref().map(read).transpose()?,
            client_secret: secret,
            scopes: self.scopes.unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec()),
            issuer_url: self.issuer_url,
            client_id: self.client_id,
            username_claim: self.username_claim,
        })
    }
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn arguments(line: &str) -> SharedArguments {
        let read = Arguments::try_parse_from(line.split(' ')).unwrap();
        let Command::Serve(serve) = read.command else { panic!("not serve") };
        serve.shared
    }

    fn why<T>(result: Result<T, Failure>) -> String {
        match result {
            Err(Failure::Other(why)) => why,
            _ => panic!("it was taken"),
        }
    }

    #[test]
    fn options_of_shared_mode_need_shared_mode() {
        for line in ["--public-url https://a.example", "--session-key k", "--user-credentials-only", "--config c"] {
            let line = format!("pilothouse serve {line}");
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        assert!(Arguments::try_parse_from("pilothouse serve --shared --tls-cert c".split(' ')).is_err());
        assert!(Arguments::try_parse_from("pilothouse demo --shared".split(' ')).is_err());
        assert!(Arguments::try_parse_from("pilothouse serve --shared --oidc-issuer-url u".split(' ')).is_err());
        assert!(arguments("pilothouse serve --shared").shared);
    }

    #[test]
    fn an_address_for_others_needs_a_name() {
        let clusters = ["prod".to_owned()];
        let read = |line: &str, address: &str| {
            let line = format!("pilothouse serve --shared{line}");
            door(&arguments(&line), address.parse().unwrap(), (Config::default(), &clusters))
        };
        assert!(why(read("", "0.0.0.0:8080")).contains("--public-url"));
        assert_eq!(read("", "127.0.0.1:8080").unwrap().public.to_string(), "http://127.0.0.1:8080");
        let open = read(" --public-url https://a.example --session-hours 2", "0.0.0.0:8080").unwrap();
        assert_eq!((open.public.to_string().as_str(), open.session.as_secs()), ("https://a.example", 7_200));
        assert!(why(read(" --public-url http://a.example", "0.0.0.0:1")).contains("for all to read"));
        assert!(why(read(" --session-key /no/key", "127.0.0.1:1")).contains("/no/key"));
        assert!(why(read(" --tls-cert /no/cert --tls-key /no/key", "127.0.0.1:1")).contains("/no/cert"));
    }

    #[test]
    fn issuers_come_from_the_file_or_the_options() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        let line = format!("pilothouse serve --shared --config {}", path.display());
        let read = |text: &str, line: &str, clusters: &[&str]| {
            std::fs::write(&path, text).unwrap();
            let clusters: Vec<String> = clusters.iter().map(|name| (*name).to_owned()).collect();
            let arguments = arguments(line);
            let config = arguments.config.as_deref().map(|path| read_config(path, &clusters)).transpose()?;
            issuers(&arguments, (config.unwrap_or_default(), &clusters))
        };
        let good = "clusters:\n  prod:\n    oidc:\n      issuer-url: https://id.example\n      client-id: console\n      \
                    client-secret-file: secret\n  dev: {}\n";
        let issuers = read(good, &line, &["prod", "dev"]).unwrap();
        let issuer = &issuers["prod"];
        assert_eq!((issuers.len(), issuer.client_secret.as_deref()), (1, Some("s3cret")));
        assert_eq!(issuer.scopes, ["profile", "email"]);
        assert!(read("", &line, &["prod"]).unwrap().is_empty());
        let looked_into = read_config(&path, &["prod".to_owned()]);
        assert!(looked_into.unwrap().clusters.is_empty());
        std::fs::write(&path, "clusters: {prod: {namespaces: [team-a, team-b]}}").unwrap();
        let looked_into = read_config(&path, &["prod".to_owned()]).unwrap();
        assert_eq!(looked_into.clusters["prod"].namespaces, ["team-a", "team-b"]);
        assert!(why(read(good, &line, &["dev"])).contains("names the cluster prod"));
        assert!(why(read("clusters: {prod: {odic: {}}}", &line, &["prod"])).contains("odic"));
        let missing = good.replace(" secret", " missing");
        assert!(why(read(&missing, &line, &["prod", "dev"])).contains("missing, which the issuer https://id.example"));
        let flags =
            "pilothouse serve --shared --oidc-issuer-url https://id.example --oidc-client-id c --oidc-scopes groups";
        assert_eq!(read("", flags, &["prod"]).unwrap()["prod"].scopes, ["groups"]);
        assert!(why(read("", flags, &["prod", "dev"])).contains("--config"));
        let both = format!("{flags} --config {}", path.display());
        assert!(
            why(read(&good.replace("  dev: {}\n", ""), &both, &["prod"])).contains("in the file of --config and in")
        );
        std::fs::write(folder.path().join("secret"), "\n").unwrap();
        assert!(why(read(good, &line, &["prod", "dev"])).contains("secret is empty"), "it is no public client");
    }
}
