//! Plays the story on any Kubernetes API server until it is interrupted:
//! `story URL CA_FILE TOKEN [SEED [SPEED [SECONDS]]]`.

use pilothouse_drydock::story::{Credential, Story, StoryOptions, Target};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, ca, token, rest @ ..] = arguments.as_slice() else {
        return Err("usage: story URL CA_FILE TOKEN [SEED [SPEED [SECONDS]]]".into());
    };
    let target =
        Target { url: url.clone(), ca_pem: std::fs::read(ca)?, credential: Credential::Token(token.clone()) };
    let seed = rest.first().map_or(Ok(1), |text| text.parse())?;
    let speed = rest.get(1).map_or(Ok(1.0), |text| text.parse())?;
    let seconds: u64 = rest.get(2).map_or(Ok(u64::MAX), |text| text.parse())?;
    let handle = Story::start(target, StoryOptions { seed, speed, ..StoryOptions::default() }).await?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = tokio::time::sleep(std::time::Duration::from_secs(seconds)) => {}
    }
    handle.stop().await;
    Ok(())
}
