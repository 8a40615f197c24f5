//! Plays the story until it is interrupted, on any Kubernetes API server or on an embedded one:
//! `story URL CA_FILE TOKEN [SEED [SPEED [SECONDS]]]` or `story embedded KUBECONFIG_TO_WRITE PORT [SEED [SPEED [SECONDS]]]`.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pilothouse_drydock::story::{Credential, Story, StoryOptions, TEAM_MEMBER, Target, VIEWER};
use pilothouse_drydock::{Options, Server, User};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, file, third, rest @ ..] = arguments.as_slice() else {
        return Err("usage: story URL CA_FILE TOKEN | embedded KUBECONFIG PORT [SEED [SPEED [SECONDS]]]".into());
    };
    let server = if place == "embedded" { Some(embedded(file, third.parse()?).await?) } else { None };
    let target = match &server {
        Some(server) => Target {
            url: server.url(),
            ca_pem: server.certificate_authority().as_bytes().to_vec(),
            credential: Credential::Token(server.token("admin")?.to_owned()),
        },
        None => {
            Target { url: place.clone(), ca_pem: std::fs::read(file)?, credential: Credential::Token(third.clone()) }
        }
    };
    let seed = rest.first().map_or(Ok(1), |text| text.parse())?;
    let speed = rest.get(1).map_or(Ok(1.0), |text| text.parse())?;
    let seconds: u64 = rest.get(2).map_or(Ok(u64::from(u32::MAX)), |text| text.parse())?;
    let handle = Story::start(target, StoryOptions { seed, speed, ..StoryOptions::default() }).await?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
    }
    handle.stop().await;
    if let Some(server) = server {
        server.shutdown().await;
    }
    Ok(())
}

async fn embedded(file: &str, port: u16) -> Result<Server, Box<dyn Error>> {
    let options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        users: vec![User::new(VIEWER, &[]), User::new(TEAM_MEMBER, &[])],
        ..Options::default()
    };
    let server = Server::start(options).await?;
    std::fs::write(file, server.kubeconfig("admin")?)?;
    Ok(server)
}
