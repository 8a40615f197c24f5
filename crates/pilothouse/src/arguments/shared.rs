//! The options of a console that many people share. Those of OpenID Connect have the names of kube-apiserver's.

use std::path::PathBuf;

use clap::Args;

/// How a console is shared.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Shared by many people")]
pub(crate) struct SharedArguments {
    /// Serve many people: they sign in, and see what the cluster lets each of them see
    #[arg(long)]
    pub(crate) shared: bool,
    /// Address under which people reach the console, and the only one it answers to: https://pilothouse.example.com
    /// [default on loopback: where it listens]
    #[arg(long, value_name = "URL", requires = "shared")]
    pub(crate) public_url: Option<String>,
    /// Certificate chain, PEM, where no proxy in front speaks TLS
    #[arg(long, value_name = "FILE", requires = "shared", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "shared", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// File with 32 random bytes or more that seal sessions; given again: keys of before, which still open
    /// [default: a key that ends with the process]
    #[arg(long, value_name = "FILE", requires = "shared")]
    pub(crate) session_key: Vec<PathBuf>,
    /// Hours until one has to sign in again [default: 12]
    #[arg(long, value_name = "HOURS", requires = "shared", value_parser = hours)]
    pub(crate) session_hours: Option<u64>,
    /// Have no rights of one's own: read everything with the credentials of the people who ask
    #[arg(long, requires = "shared")]
    pub(crate) user_credentials_only: bool,
    /// YAML file with the issuer of each cluster
    #[arg(long, value_name = "FILE", requires = "shared")]
    pub(crate) config: Option<PathBuf>,
    /// Issuer that people sign in with, where there is one cluster
    #[arg(long, value_name = "URL", requires = "shared", requires = "oidc_client_id")]
    pub(crate) oidc_issuer_url: Option<String>,
    /// Name under which the issuer knows the console
    #[arg(long, value_name = "ID", requires = "oidc_issuer_url")]
    pub(crate) oidc_client_id: Option<String>,
    /// File with the secret of that client
    #[arg(long, value_name = "FILE", requires = "oidc_issuer_url")]
    pub(crate) oidc_client_secret_file: Option<PathBuf>,
    /// Certificates of the issuer's authority, PEM [default: the system's]
    #[arg(long, value_name = "FILE", requires = "oidc_issuer_url")]
    pub(crate) oidc_ca_file: Option<PathBuf>,
    /// What the issuer is asked for besides openid, separated by commas [default: profile,email]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', requires = "oidc_issuer_url")]
    pub(crate) oidc_scopes: Option<Vec<String>>,
    /// Claim that names the person
    #[arg(long, value_name = "CLAIM", requires = "oidc_issuer_url")]
    pub(crate) oidc_username_claim: Option<String>,
}

fn hours(text: &str) -> Result<u64, String> {
    let hours = text.parse().ok().filter(|hours| (1..=720).contains(hours));
    hours.ok_or_else(|| "write how many hours, from 1 to 720".to_owned())
}
