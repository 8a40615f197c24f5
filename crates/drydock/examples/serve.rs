//! Starts the embedded API server and writes a kubeconfig: `cargo run -p pilothouse-drydock --example serve -- FILE`.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use pilothouse_drydock::{Options, Server, User};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example for the terminal")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "drydock.kubeconfig".to_owned());
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        users: vec![User::new("ann", &["data-science"])],
        ..Options::default()
    };
    let server = Server::start(options).await?;
    std::fs::write(&file, server.kubeconfig("admin")?)?;
    std::fs::write(format!("{file}.ann"), server.kubeconfig("ann")?)?;
    println!("{} with {file} and {file}.ann", server.url());
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}
