//! An issuer that can be told to lie, and what the console makes of its lies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;

/// What the issuer does; every lie is one field.
#[derive(Clone)]
pub(crate) struct Ways {
    /// Claims that take the place of the true ones; null takes one away.
    pub(crate) claims: Value,
    /// The algorithm that the header names.
    algorithm: &'static str,
    /// Signs with another key than the one it publishes under this name.
    forged: bool,
    /// The discovery document's own fields.
    discovery: Value,
    /// What the token endpoint says instead of giving a token.
    refusal: Option<(StatusCode, Value)>,
    /// The refresh tokens that it took.
    pub(crate) refreshed: Vec<String>,
}

/// A running issuer.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) ways: Arc<Mutex<Ways>>,
    keys: Arc<Mutex<Vec<Vec<u8>>>>,
    nonce: Arc<Mutex<String>>,
    challenge: Arc<Mutex<String>>,
}

fn new_key() -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap().as_ref().to_vec()
}

fn pair(key: &[u8]) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &SystemRandom::new()).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Fake {
    pub(crate) async fn start() -> Self {
        // Another test of this process may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ways = Ways {
            claims: json!({}),
            algorithm: "ES256",
            forged: false,
            discovery: json!({}),
            refusal: None,
            refreshed: Vec::new(),
        };
        let fake = Self {
            url,
            ways: Arc::new(Mutex::new(ways)),
            keys: Arc::new(Mutex::new(vec![new_key()])),
            nonce: Arc::default(),
            challenge: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub(crate) fn options(&self) -> IssuerOptions {
        IssuerOptions {
            issuer_url: self.url.clone(),
            client_id: "console".into(),
            client_secret: Some("s3cret".into()),
            scopes: vec!["email".into()],
            authorities: None,
            username_claim: Some("email".into()),
        }
    }

    /// What a person does who is sent to this address: gives nonce and challenge to the issuer, and gets back the state.
    pub(crate) fn visit(&self, address: &str) -> String {
        let url = reqwest::Url::parse(address).unwrap();
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!((value("code_challenge_method").as_str(), value("response_type").as_str()), ("S256", "code"));
        *self.nonce.lock().unwrap() = value("nonce");
        *self.challenge.lock().unwrap() = value("code_challenge");
        value("state")
    }

    fn change(&self, change: impl FnOnce(&mut Ways)) {
        change(&mut self.ways.lock().unwrap());
    }

    fn sign(&self, ways: &Ways, claims: &Value) -> String {
        let keys = self.keys.lock().unwrap();
        let number = keys.len();
        let own = keys.last().unwrap().clone();
        let header = json!({"alg": ways.algorithm, "kid": format!("key-{number}"), "typ": "JWT"});
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let key = if ways.forged { new_key() } else { own };
        let signature = pair(&key).sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        if ways.algorithm == "none" { format!("{input}.") } else { format!("{input}.{}", encode(signature.as_ref())) }
    }
}

async fn discovery(State(fake): State<Fake>) -> Json<Value> {
    let mut document = json!({
        "issuer": fake.url,
        "authorization_endpoint": format!("{}/authorize", fake.url),
        "token_endpoint": format!("{}/token", fake.url),
        "jwks_uri": format!("{}/keys", fake.url),
        "end_session_endpoint": format!("{}/end", fake.url),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "none", "HS256"],
    });
    for (name, value) in fake.ways.lock().unwrap().discovery.as_object().unwrap() {
        document[name] = value.clone();
    }
    Json(document)
}

async fn keys(State(fake): State<Fake>) -> Json<Value> {
    let keys = fake.keys.lock().unwrap();
    let number = keys.len();
    let pair = pair(keys.last().unwrap());
    let point = pair.public_key().as_ref();
    let (x, y) = (encode(&point[1..33]), encode(&point[33..65]));
    let kid = format!("key-{number}");
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y}]}))
}

async fn token(State(fake): State<Fake>, Form(form): Form<Vec<(String, String)>>) -> Response {
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if let Some((status, body)) = fake.ways.lock().unwrap().refusal.clone() {
        return (status, Json(body)).into_response();
    }
    let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let mut claims = json!({
        "iss": fake.url, "aud": "console", "sub": "1234", "email": "ada@example.com", "exp": now + 300, "iat": now,
    });
    if value("grant_type").as_deref() == Some("refresh_token") {
        fake.change(|ways| ways.refreshed.push(value("refresh_token").unwrap()));
    } else {
        let verifier = value("code_verifier").unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        if encode(digest.as_ref()) != *fake.challenge.lock().unwrap() {
            return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
        }
        claims["nonce"] = json!(fake.nonce.lock().unwrap().clone());
    }
    let ways = fake.ways.lock().unwrap().clone();
    for (name, value) in ways.claims.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            Value::Number(offset) if name == "exp" || name == "iat" => {
                claims[name] = json!(now + offset.as_i64().unwrap());
            }
            value => claims[name] = value.clone(),
        }
    }
    let id_token = fake.sign(&ways, &claims);
    let count = ways.refreshed.len();
    Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token, "refresh_token": format!("r{count}")}))
        .into_response()
}

const REDIRECT: &str = "https://console.example/sign-in/prod/callback";

async fn signed_in(fake: &Fake, issuer: &Issuer, callback: Callback<'_>) -> Result<Granted, OpenIdError> {
    let (address, [state, nonce, verifier]) = issuer.begin(REDIRECT).await?;
    assert_eq!(fake.visit(&address), state);
    let flow = Flow { cluster: "prod".into(), state, nonce, verifier, then: "/".into(), until: i64::MAX };
    issuer.finish(REDIRECT, &flow, callback).await
}

const CODE: Callback<'_> = Callback { code: "c", issuer: None };

#[tokio::test]
async fn what_is_right_is_taken() {
    let fake = Fake::start().await;
    let issuer = Issuer::new(fake.options()).unwrap();
    let granted = signed_in(&fake, &issuer, CODE).await.unwrap();
    assert_eq!((granted.subject.as_str(), granted.name.as_str()), ("1234", "ada@example.com"));
    assert_eq!(granted.refresh.as_deref(), Some("r0"));
    assert_eq!(claims::end(&claims::read(&granted.token).unwrap()), Some(granted.end));
    signed_in(&fake, &issuer, Callback { issuer: Some(&fake.url), ..CODE }).await.unwrap();
    // Clocks differ a little.
    for claims in [json!({"exp": -30}), json!({"iat": 30}), json!({"aud": ["console"]})] {
        fake.change(|ways| ways.claims = claims);
        signed_in(&fake, &issuer, CODE).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let fake = Fake::start().await;
    let issuer = Issuer::new(fake.options()).unwrap();
    let lies = [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", fake.url)}),
        json!({"aud": "another"}),
        json!({"aud": ["console", "another"]}),
        json!({"aud": []}),
        json!({"exp": -90}),
        json!({"iat": 90}),
    ];
    for lie in lies {
        fake.change(|ways| ways.claims = lie.clone());
        let refused = signed_in(&fake, &issuer, CODE).await;
        assert!(matches!(refused, Err(OpenIdError::Wrong { .. })), "{lie}: {refused:?}");
    }
    fake.change(|ways| ways.claims = json!({}));
    for algorithm in ["none", "HS256", "RS256", "ES384"] {
        fake.change(|ways| ways.algorithm = algorithm);
        let refused = signed_in(&fake, &issuer, CODE).await;
        assert!(refused.is_err(), "{algorithm}");
    }
    fake.change(|ways| ways.algorithm = "ES256");
    fake.change(|ways| ways.forged = true);
    assert!(matches!(signed_in(&fake, &issuer, CODE).await, Err(OpenIdError::Wrong { .. })));
    fake.change(|ways| ways.forged = false);
    let mixed = Callback { issuer: Some("https://evil.example"), ..CODE };
    assert!(matches!(signed_in(&fake, &issuer, mixed).await, Err(OpenIdError::Wrong { .. })));
    signed_in(&fake, &issuer, CODE).await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_is_another_is_refused() {
    let fake = Fake::start().await;
    for (field, value) in
        [("issuer", json!("https://evil.example")), ("authorization_endpoint", json!("http://evil.example"))]
    {
        fake.change(|ways| ways.discovery = json!({field: value}));
        let issuer = Issuer::new(fake.options()).unwrap();
        assert!(signed_in(&fake, &issuer, CODE).await.is_err(), "{field}");
    }
    // One that promises to name itself must do so.
    fake.change(|ways| ways.discovery = json!({"authorization_response_iss_parameter_supported": true}));
    let issuer = Issuer::new(fake.options()).unwrap();
    assert!(matches!(signed_in(&fake, &issuer, CODE).await, Err(OpenIdError::Wrong { .. })));
    signed_in(&fake, &issuer, Callback { issuer: Some(&fake.url), ..CODE }).await.unwrap();
}

#[tokio::test]
async fn new_keys_are_found_and_forgers_do_not_make_it_ask_all_the_time() {
    let fake = Fake::start().await;
    let issuer = Issuer::new(fake.options()).unwrap();
    signed_in(&fake, &issuer, CODE).await.unwrap();
    fake.keys.lock().unwrap().push(new_key());
    assert!(signed_in(&fake, &issuer, CODE).await.is_err(), "the keys were read a moment ago");
    if let Some((_, read)) = issuer.known.lock().await.metadata.as_mut() {
        *read -= AGAIN;
    }
    signed_in(&fake, &issuer, CODE).await.unwrap();
}

#[tokio::test]
async fn another_token_is_for_the_same_person() {
    let fake = Fake::start().await;
    let issuer = Issuer::new(fake.options()).unwrap();
    let granted = issuer.refresh(REDIRECT, "r0", Some("1234")).await.unwrap();
    assert_eq!(granted.refresh.as_deref(), Some("r1"));
    let other = issuer.refresh(REDIRECT, "r1", Some("5678")).await;
    assert!(matches!(other, Err(OpenIdError::Wrong { .. })), "{other:?}");
    fake.change(|ways| ways.refusal = Some((StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"}))));
    let over = issuer.refresh(REDIRECT, "r1", None).await;
    assert!(matches!(over, Err(OpenIdError::Refused { .. })), "{over:?}");
    fake.change(|ways| ways.refusal = Some((StatusCode::BAD_GATEWAY, json!("away"))));
    let silent = issuer.refresh(REDIRECT, "r1", None).await;
    assert!(matches!(silent, Err(OpenIdError::Silent { .. })), "{silent:?}");
}

#[tokio::test]
async fn signing_out_goes_to_the_issuer() {
    let fake = Fake::start().await;
    let issuer = Issuer::new(fake.options()).unwrap();
    let end = issuer.end("token", "https://console.example/sign-in").await.unwrap();
    assert!(end.starts_with(&format!("{}/end?id_token_hint=token&client_id=console&post_logout", fake.url)), "{end}");
    fake.change(|ways| ways.discovery = json!({"end_session_endpoint": null}));
    assert_eq!(Issuer::new(fake.options()).unwrap().end("token", "x").await, None);
    fake.change(|ways| ways.discovery = json!({"end_session_endpoint": "http://evil.example/end"}));
    assert_eq!(Issuer::new(fake.options()).unwrap().end("token", "x").await, None);
}

#[tokio::test]
async fn options_that_cannot_be_meant_are_told() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let fake = Fake::start().await;
    for (change, words) in [
        (IssuerOptions { issuer_url: "http://id.example".into(), ..fake.options() }, "begin with https://"),
        (IssuerOptions { issuer_url: "id.example".into(), ..fake.options() }, "no URL"),
        (IssuerOptions { client_id: String::new(), ..fake.options() }, "client id is empty"),
        (IssuerOptions { authorities: Some(b"none".to_vec()), ..fake.options() }, "authority"),
    ] {
        let error = Issuer::new(change).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_asked_once_for_all_who_wait() {
    let fake = Fake::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = IssuerOptions { issuer_url: format!("http://{}", listener.local_addr().unwrap()), ..fake.options() };
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let issuer = Issuer::new(options).unwrap();
    let begun = || issuer.begin(REDIRECT);
    assert!(matches!(begun().await, Err(OpenIdError::Silent { .. })));
    let first = asked.load(Ordering::SeqCst);
    assert!(first > 0);
    for again in futures::future::join_all((0..3).map(|_| begun())).await {
        assert!(matches!(again, Err(OpenIdError::Silent { .. })));
    }
    assert_eq!(asked.load(Ordering::SeqCst), first);
}
