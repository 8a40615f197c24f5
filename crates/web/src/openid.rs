//! OpenID Connect: the code flow with PKCE towards an issuer that the configuration names, and no other.

use std::fmt;
use std::time::{Duration, SystemTime};

use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJwsSigningAlgorithm,
    CoreRequestTokenError, CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, NonceVerifier, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::claims;

mod http;
mod metadata;
#[cfg(test)]
pub(crate) mod tests;

use metadata::Metadata;

/// By how much clocks may differ.
const SKEW: Duration = Duration::from_secs(60);
/// How long what an issuer says of itself is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How soon it is read again for a key that nobody knows: an issuer may have changed its keys, a forger makes keys up.
const AGAIN: Duration = Duration::from_secs(5);
/// Signatures that need no shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// How people sign in to one cluster: what its API server was told of the issuer, and what the issuer knows of the console.
#[derive(Clone)]
pub struct IssuerOptions {
    /// The issuer's URL, exactly as its tokens name it.
    pub issuer_url: String,
    /// The name under which the issuer knows the console; tokens are for it.
    pub client_id: String,
    /// The secret that goes with it; none for a public client.
    pub client_secret: Option<String>,
    /// What is asked for, besides `openid`.
    pub scopes: Vec<String>,
    /// Certificates of the authorities that the issuer is trusted by, PEM; `None` for those of the system.
    pub authorities: Option<Vec<u8>>,
    /// The claim that names the person; `None` for the usual ones.
    pub username_claim: Option<String>,
}

impl fmt::Debug for IssuerOptions {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerOptions").field("issuer_url", &self.issuer_url).finish_non_exhaustive()
    }
}

/// Why someone could not be signed in. Shown, it is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// The options cannot be meant.
    #[error("the issuer {issuer} cannot be used: {reason}")]
    Options {
        /// The issuer.
        issuer: String,
        /// What is wrong.
        reason: String,
    },
    /// The issuer cannot be asked, or its answers cannot be read.
    #[error("the issuer {issuer} does not answer as it should: {reason}")]
    Silent {
        /// The issuer.
        issuer: String,
        /// What happened.
        reason: String,
    },
    /// The issuer says no.
    #[error("the issuer {issuer} refused: {reason}")]
    Refused {
        /// The issuer.
        issuer: String,
        /// Its words.
        reason: String,
    },
    /// What came back is not what was asked for: it may be forged.
    #[error("the answer of the issuer {issuer} is not accepted: {reason}")]
    Wrong {
        /// The issuer.
        issuer: String,
        /// What is wrong.
        reason: String,
    },
}

/// A sign-in under way: what the answer must fit. It travels sealed, in a cookie of its own.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) cluster: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    /// Where the person wanted to go.
    pub(crate) then: String,
    /// When it is too late, in seconds since 1970.
    pub(crate) until: i64,
}

/// What an issuer gave.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The ID token, which the cluster takes.
    pub(crate) token: String,
    /// When it ends, in seconds since 1970.
    pub(crate) end: i64,
    /// What another one is had with.
    pub(crate) refresh: Option<String>,
    /// Who it is, for the issuer.
    pub(crate) subject: String,
    /// Who it is, for people.
    pub(crate) name: String,
}

impl fmt::Debug for Granted {
    /// Never shows a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// What the address of the callback brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callback<'a> {
    pub(crate) code: &'a str,
    /// Who says it sent the answer (RFC 9207).
    pub(crate) issuer: Option<&'a str>,
}

/// One issuer, as one client of it.
#[derive(Debug)]
pub(crate) struct Issuer {
    options: IssuerOptions,
    client: reqwest::Client,
    known: Mutex<Known>,
}

/// What an issuer said of itself last.
#[derive(Debug, Default)]
struct Known {
    metadata: Option<(Metadata, Instant)>,
    /// Why it did not say anything, and when.
    silent: Option<(String, Instant)>,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

impl Issuer {
    pub(crate) fn new(options: IssuerOptions) -> Result<Self, OpenIdError> {
        let wrong = |reason: String| OpenIdError::Options { issuer: options.issuer_url.clone(), reason };
        let url = reqwest::Url::parse(&options.issuer_url).map_err(|error| wrong(format!("it is no URL: {error}")))?;
        if !http::is_safe(&url) {
            return Err(wrong("it must begin with https://".to_owned()));
        }
        if options.client_id.is_empty() {
            return Err(wrong("the client id is empty; the issuer tells it when the console is registered".to_owned()));
        }
        let client = http::client(options.authorities.as_deref()).map_err(wrong)?;
        Ok(Self { options, client, known: Mutex::default() })
    }

    /// The issuer's URL, for people.
    pub(crate) fn url(&self) -> &str {
        &self.options.issuer_url
    }

    /// The address to send the browser to, and what its answer must fit.
    pub(crate) async fn begin(&self, redirect: &str) -> Result<(String, [String; 3]), OpenIdError> {
        let client = self.openid(&self.metadata(REMEMBERED).await?, redirect)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let scopes = self.options.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge);
        if self.options.scopes.iter().any(|scope| scope == "offline_access") {
            // Issuers give a refresh token of this kind only when the person was asked.
            request = request.add_prompt(CoreAuthPrompt::Consent);
        }
        let (url, state, nonce) = request.url();
        if !http::is_safe(&url) {
            return Err(self.silent("its address for signing in does not begin with https://"));
        }
        Ok((url.into(), [state.into_secret(), nonce.secret().clone(), verifier.into_secret()]))
    }

    /// Takes the answer of the issuer for a token.
    pub(crate) async fn finish(
        &self,
        redirect: &str,
        flow: &Flow,
        callback: Callback<'_>,
    ) -> Result<Granted, OpenIdError> {
        let metadata = self.metadata(REMEMBERED).await?;
        match callback.issuer {
            Some(issuer) if issuer != self.url() => {
                return Err(self.wrong(format!("it says that it comes from {issuer}")));
            }
            None if metadata.additional_metadata().names_itself => {
                return Err(self.wrong("it does not say which issuer it comes from".to_owned()));
            }
            _ => {}
        }
        let client = self.openid(&metadata, redirect)?;
        let code = AuthorizationCode::new(callback.code.to_owned());
        let request = client.exchange_code(code).map_err(|error| self.silent(&error.to_string()))?;
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let send = http::sender(&self.client);
        let answer = request.set_pkce_verifier(verifier).request_async(&send).await;
        let answer = answer.map_err(|error| self.no_token(&error))?;
        let nonce = Nonce::new(flow.nonce.clone());
        self.granted(client, redirect, &answer, || |got: Option<&Nonce>| (&nonce).verify(got)).await
    }

    /// Another token for the same person.
    pub(crate) async fn refresh(
        &self,
        redirect: &str,
        token: &str,
        subject: Option<&str>,
    ) -> Result<Granted, OpenIdError> {
        let client = self.openid(&self.metadata(REMEMBERED).await?, redirect)?;
        let refresh = RefreshToken::new(token.to_owned());
        let send = http::sender(&self.client);
        let request = client.exchange_refresh_token(&refresh).map_err(|error| self.silent(&error.to_string()))?;
        let answer = request.request_async(&send).await.map_err(|error| self.no_token(&error))?;
        // A renewed token belongs to no flow, and need not repeat the nonce of one.
        let mut granted = self.granted(client, redirect, &answer, || |_: Option<&Nonce>| Ok(())).await?;
        if subject.is_some_and(|subject| subject != granted.subject) {
            return Err(self.wrong("the renewed token is for somebody else".to_owned()));
        }
        granted.refresh.get_or_insert_with(|| token.to_owned());
        Ok(granted)
    }

    /// Where the browser ends the session with the issuer, when it has such a place.
    pub(crate) async fn end(&self, token: &str, back: &str) -> Option<String> {
        let metadata = match self.metadata(REMEMBERED).await {
            Ok(metadata) => metadata,
            Err(error) => {
                tracing::warn!(%error, "signing out leaves the session with the issuer as it is");
                return None;
            }
        };
        let mut url = metadata.additional_metadata().end_session_endpoint.clone()?;
        if !http::is_safe(&url) {
            return None;
        }
        url.query_pairs_mut()
            .append_pair("id_token_hint", token)
            .append_pair("client_id", &self.options.client_id)
            .append_pair("post_logout_redirect_uri", back);
        Some(url.into())
    }

    /// The token in an answer, once everything about it is right.
    async fn granted<V: NonceVerifier>(
        &self,
        client: Client,
        redirect: &str,
        answer: &CoreTokenResponse,
        nonce: impl Fn() -> V,
    ) -> Result<Granted, OpenIdError> {
        let token = answer
            .id_token()
            .ok_or_else(|| self.silent("it gave no ID token; is the scope `openid` allowed for this client?"))?;
        let mut checked = check(&client, token, nonce());
        if let Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
        )) = &checked
        {
            // It may have changed its keys since they were read.
            let client = self.openid(&self.metadata(AGAIN).await?, redirect)?;
            checked = check(&client, token, nonce());
        }
        let (subject, end) = checked.map_err(|error| self.wrong(reason(&error)))?;
        let token = token.to_string();
        let read = claims::read(&token);
        let name = read.as_ref().and_then(|claims| claims::name(claims, self.options.username_claim.as_deref()));
        let refresh = answer.refresh_token().map(|token| token.secret().clone());
        Ok(Granted { name: name.unwrap_or_else(|| subject.clone()), token, end, refresh, subject })
    }

    /// What the issuer says of itself, not older than `age`.
    async fn metadata(&self, age: Duration) -> Result<Metadata, OpenIdError> {
        let mut known = self.known.lock().await;
        if let Some((metadata, _)) = known.metadata.as_ref().filter(|(_, read)| read.elapsed() < age) {
            return Ok(metadata.clone());
        }
        // Whoever waited for an attempt that came to nothing does not begin another: all of them would wait in a row.
        if let Some((reason, _)) = known.silent.as_ref().filter(|(_, asked)| asked.elapsed() < AGAIN) {
            return Err(self.silent(reason));
        }
        let metadata = self.discover().await;
        known.silent = match &metadata {
            Err(OpenIdError::Silent { reason, .. }) => Some((reason.clone(), Instant::now())),
            _ => None,
        };
        let metadata = metadata?;
        known.metadata = Some((metadata.clone(), Instant::now()));
        Ok(metadata)
    }

    /// Asks the issuer what it says of itself.
    async fn discover(&self) -> Result<Metadata, OpenIdError> {
        let issuer =
            IssuerUrl::new(self.options.issuer_url.clone()).map_err(|error| self.silent(&error.to_string()))?;
        let send = http::sender(&self.client);
        Metadata::discover_async(issuer, &send).await.map_err(|error| match error {
            DiscoveryError::Request(error) => self.silent(&error.to_string()),
            DiscoveryError::Validation(reason) => self.wrong(reason),
            DiscoveryError::Response(status, _, _) => self.silent(&format!("asked who it is, it says {status}")),
            error => self.silent(&format!("what it says of itself cannot be read: {error}")),
        })
    }

    fn openid(&self, metadata: &Metadata, redirect: &str) -> Result<Client, OpenIdError> {
        let redirect = RedirectUrl::new(redirect.to_owned()).map_err(|error| self.silent(&error.to_string()))?;
        if metadata.token_endpoint().is_none_or(|endpoint| !http::is_safe(endpoint.url())) {
            return Err(self.silent("it has no address for tokens that begins with https://"));
        }
        let secret = self.options.client_secret.clone().map(ClientSecret::new);
        let id = ClientId::new(self.options.client_id.clone());
        let methods = metadata.token_endpoint_auth_methods_supported();
        let has = |method| methods.is_some_and(|methods| methods.contains(&method));
        let in_body = has(CoreClientAuthMethod::ClientSecretPost) && !has(CoreClientAuthMethod::ClientSecretBasic);
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(redirect);
        Ok(if in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
    }

    fn no_token<E: std::error::Error>(&self, error: &CoreRequestTokenError<E>) -> OpenIdError {
        match error {
            RequestTokenError::ServerResponse(refusal) => {
                OpenIdError::Refused { issuer: self.url().to_owned(), reason: refusal.to_string() }
            }
            RequestTokenError::Request(error) => self.silent(&error.to_string()),
            RequestTokenError::Parse(error, _) => self.silent(&format!("its answer cannot be read: {error}")),
            RequestTokenError::Other(reason) => self.silent(reason),
        }
    }

    fn silent(&self, reason: &str) -> OpenIdError {
        OpenIdError::Silent { issuer: self.url().to_owned(), reason: reason.to_owned() }
    }

    fn wrong(&self, reason: String) -> OpenIdError {
        OpenIdError::Wrong { issuer: self.url().to_owned(), reason }
    }
}

/// Signature, issuer, audience, times and nonce; gives who it is for and when it ends.
fn check(
    client: &Client,
    token: &CoreIdToken,
    nonce: impl NonceVerifier,
) -> Result<(String, i64), ClaimsVerificationError> {
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(|| (SystemTime::now() - SKEW).into())
        .set_issue_time_verifier_fn(|issued| {
            let latest = SystemTime::now() + SKEW;
            if SystemTime::from(issued) <= latest { Ok(()) } else { Err("it is from the future".to_owned()) }
        });
    let claims = token.claims(&verifier, nonce)?;
    Ok((claims.subject().to_string(), claims.expiration().timestamp()))
}

/// The whole of an error whose words are spread over its causes.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
