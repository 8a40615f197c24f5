//! The binary: configuration, command line, wiring.

mod act;
mod allocator;
mod arguments;
mod ask;
mod audit;
mod completions;
mod demo;
mod exec;
mod failure;
mod get;
mod log;
mod logs;
mod output;
mod plain;
mod search;
mod serve;
mod why;

use std::process::ExitCode;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    if completions::answered() {
        return ExitCode::SUCCESS;
    }
    let arguments = match arguments::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if matches!(arguments.command, Command::Serve(_) | Command::Demo(_)) {
        allocator::give_back_at_once();
    }
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
        Command::Exec(options) => exec::run(&arguments.cluster, &options).await,
        Command::Delete(options) => act::delete(&arguments.cluster, &options).await,
        Command::Scale(options) => act::scale(&arguments.cluster, &options).await,
        Command::Rollout(options) => act::rollout(&arguments.cluster, &options).await,
        Command::Version(options) => output::version(&options),
        Command::Completions { shell } => completions::script(shell),
    }
}
