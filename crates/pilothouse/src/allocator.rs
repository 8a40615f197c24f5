//! The allocator, and how it is set.

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

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

/// How often each thread is made to look through the pages that it holds...
const LOOK: Duration = Duration::from_secs(30);
/// ...which it does after so many allocations (mimalloc's `generic_collect`)...
const ALLOCATIONS: usize = 10_000;
/// ...of a size for which there is no short cut.
const SIZE: usize = 2 << 10;

/// Lets threads find pages that have become empty since they last asked for memory: what one thread lets go of may lie in a page
/// of another, and threads of a console at rest ask for nothing. Never ends; takes a thousandth of a second.
pub(crate) async fn look_through_pages() {
    loop {
        tokio::time::sleep(LOOK).await;
        // More than there are threads, because whichever is free takes the next.
        for _ in 0..2 * tokio::runtime::Handle::current().metrics().num_workers() {
            tokio::spawn(async {
                for _ in 0..ALLOCATIONS {
                    drop(black_box(Vec::<u8>::with_capacity(SIZE)));
                }
            });
        }
    }
}

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
