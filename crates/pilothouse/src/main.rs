//! The binary: configuration, command line, wiring.

mod act;
mod arguments;
mod ask;
mod audit;
mod completions;
mod demo;
mod failure;
mod get;
mod logs;
mod output;
mod plain;
mod search;
mod serve;
mod why;

use std::process::ExitCode;

use arguments::{Arguments, Command};

/// Rows are kept by the hundred thousand, each in a dozen small pieces that come and go: it holds them in less memory than the
/// system's allocator. With `MIMALLOC_PURGE_DELAY=0` in the environment, what is let go is given back at once; without, only
/// as more is asked for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if completions::answered() {
        return ExitCode::SUCCESS;
    }
    let arguments = match arguments::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure::Failure::from(error).report(),
    };
    let ended = runtime.block_on(run(arguments));
    // Nobody waits for what still goes on in the background.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(arguments: Arguments) -> Result<(), failure::Failure> {
    serve::prepare(&arguments)?;
    match arguments.command {
        Command::Serve(options) => serve::run(&arguments.cluster, &options).await,
        Command::Demo(options) => demo::run(&arguments.cluster, &options).await,
        Command::Get(options) => get::run(&arguments.cluster, &options).await,
        Command::Search(options) => search::run(&arguments.cluster, &options).await,
        Command::Why(options) => why::run(&arguments.cluster, &options).await,
        Command::Logs(options) => logs::run(&arguments.cluster, &options).await,
        Command::Delete(options) => act::delete(&arguments.cluster, &options).await,
        Command::Scale(options) => act::scale(&arguments.cluster, &options).await,
        Command::Rollout(options) => act::rollout(&arguments.cluster, &options).await,
        Command::Version(options) => output::version(&options),
        Command::Completions { shell } => completions::script(shell),
    }
}
