//! The allocator, and how it is set.

use std::process::Command;

/// Rows are kept by the hundred thousand, each in a dozen small pieces that come and go: it holds them in less memory than the
/// system's allocator. Built without huge pages, of which a few live bytes would keep two megabytes each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// After how many milliseconds memory that was let go goes back to the system. The allocator reads it before the program's
/// first line, from the environment alone.
const DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// The same for what libraries in C ask for, above all compression: glibc would keep what the training of a dictionary took,
/// some megabytes for each table, because it learns from large pieces that large pieces are worth keeping. Said, it is not
/// learnt. Other systems' libraries do not read these.
const GLIBC: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "1")];

/// Begins the program anew, in the same process, with memory given back at once; left to itself the allocator gives back only as
/// more is asked for, so that a console at rest would keep what its last tables took. What someone has set stays. Does nothing
/// where a program cannot take its own place.
pub(crate) fn give_back_at_once() {
    if std::env::var_os(DELAY).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).env(DELAY, "0");
    command.envs(GLIBC.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()));
    begin_anew(&mut command);
}

#[cfg(unix)]
fn begin_anew(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    // Comes back only when it failed.
    let error = command.exec();
    tracing::debug!("memory will be given back late: {error}");
}

#[cfg(not(unix))]
fn begin_anew(_: &mut Command) {}
