//! Where a pod stands so many seconds after its node took it: a pure function of its fate.

use super::super::fate::{Fate, Shortage};

/// How a container run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Exit {
    pub(in super::super) code: i64,
    pub(in super::super) reason: &'static str,
}

/// One run of the main container, in seconds since the node took the pod.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Run {
    pub(in super::super) from: f64,
    pub(in super::super) to: f64,
    pub(in super::super) exit: Exit,
}

/// What the main container does at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Now {
    /// The image is being pulled, volumes are mounted.
    Creating,
    /// The image cannot be pulled; whether the kubelet waits before it tries again.
    Pulling { backing_off: bool },
    /// A ConfigMap is missing.
    Misconfigured,
    /// It runs since then.
    Running { since: f64 },
    /// It crashed and waits for its next start.
    BackingOff { seconds: u64 },
    /// It ended and stays so.
    Ended,
    /// The node evicted the pod at this second.
    Evicted { at: f64, of: Shortage },
}

/// Where a pod stands.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Standing {
    pub(in super::super) now: Now,
    pub(in super::super) restarts: u32,
    /// The run before the present one; for an ended container its only or last run.
    pub(in super::super) last: Option<Run>,
    /// When something changes next, in seconds since the node took the pod.
    pub(in super::super) next: Option<f64>,
}

/// Whether ended containers start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    pub(in super::super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }

    fn again(self, exit: Exit) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit.code != 0,
            Self::Never => false,
        }
    }
}

/// The kubelet's delay before the start after so many restarts: 10 s, doubled up to five minutes.
fn back_off(restarts: u32) -> u64 {
    (10_u64 << restarts.min(6)).min(300)
}

const COMPLETED: Exit = Exit { code: 0, reason: "Completed" };

/// How long the run with this number goes and how it ends; `None` when it goes on for good.
fn run(fate: &Fate, number: u32) -> Option<(f64, Exit)> {
    let error = |code| Exit { code, reason: "Error" };
    match *fate {
        Fate::Succeed(seconds) => Some((seconds, COMPLETED)),
        Fate::Fail(seconds, code) => Some((seconds, error(code))),
        Fate::OutOfMemory(seconds) => Some((seconds, Exit { code: 137, reason: "OOMKilled" })),
        Fate::Flaky { crashes, after, .. } if number < crashes => Some((after, error(1))),
        Fate::Flaky { then, .. } if then > 0.0 => Some((then, COMPLETED)),
        Fate::Forever | Fate::Flaky { .. } | Fate::NoImage | Fate::NoConfig | Fate::Evict(..) => None,
    }
}

/// Where a pod with this fate stands `elapsed` seconds after its node took it, if its image takes `pull` seconds.
pub(in super::super) fn standing(fate: &Fate, restart: Restart, pull: f64, elapsed: f64) -> Standing {
    let still = |now, next| Standing { now, restarts: 0, last: None, next };
    if elapsed < pull {
        return still(Now::Creating, Some(pull));
    }
    match *fate {
        Fate::NoImage => return failing_pull(pull, elapsed),
        Fate::NoConfig => return still(Now::Misconfigured, None),
        Fate::Evict(after, of) if elapsed >= pull + after => {
            return still(Now::Evicted { at: pull + after, of }, None);
        }
        Fate::Evict(after, _) => return still(Now::Running { since: pull }, Some(pull + after)),
        _ => {}
    }
    let (mut from, mut restarts, mut last) = (pull, 0_u32, None);
    loop {
        let running = |next| Standing { now: Now::Running { since: from }, restarts, last, next };
        let Some((seconds, exit)) = run(fate, restarts) else { return running(None) };
        let to = from + seconds;
        if elapsed < to {
            return running(Some(to));
        }
        let ended = Run { from, to, exit };
        if !restart.again(exit) {
            return Standing { now: Now::Ended, restarts, last: Some(ended), next: None };
        }
        // The first start again is at once; then the kubelet waits longer and longer.
        let wait = if restarts == 0 { 1 } else { back_off(restarts - 1) };
        let begins = to + wait as f64;
        if elapsed < begins {
            return Standing {
                now: Now::BackingOff { seconds: wait },
                restarts,
                last: Some(ended),
                next: Some(begins),
            };
        }
        (from, restarts, last) = (begins, restarts + 1, Some(ended));
    }
}

/// A failing pull shows its error for a moment, then waits 10 s, 20 s … before the next try.
fn failing_pull(pull: f64, elapsed: f64) -> Standing {
    const ERROR_SHOWS: f64 = 3.0;
    let (mut begins, mut tries) = (pull, 0);
    loop {
        let standing = |backing_off, next| Standing {
            now: Now::Pulling { backing_off },
            restarts: 0,
            last: None,
            next: Some(next),
        };
        let ends = begins + ERROR_SHOWS;
        if elapsed < ends {
            return standing(false, ends);
        }
        let again = ends + back_off(tries) as f64;
        if elapsed < again {
            return standing(true, again);
        }
        (begins, tries) = (again, tries + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_run_is_created_runs_and_ends() {
        let at = |elapsed| standing(&Fate::Succeed(10.0), Restart::Never, 2.0, elapsed);
        assert_eq!(at(1.0).now, Now::Creating);
        assert_eq!(at(3.0).now, Now::Running { since: 2.0 });
        assert_eq!(at(3.0).next, Some(12.0));
        let end = at(12.5);
        assert_eq!(end.now, Now::Ended);
        assert_eq!(end.last, Some(Run { from: 2.0, to: 12.0, exit: COMPLETED }));
    }

    #[test]
    fn a_crash_loop_waits_longer_and_longer() {
        let at = |elapsed| standing(&Fate::Fail(4.0, 1), Restart::Always, 0.0, elapsed);
        assert_eq!(at(4.5).now, Now::BackingOff { seconds: 1 });
        assert_eq!((at(6.0).now, at(6.0).restarts), (Now::Running { since: 5.0 }, 1));
        assert_eq!((at(10.0).now, at(10.0).restarts), (Now::BackingOff { seconds: 10 }, 1));
        assert_eq!(at(25.0).now, Now::BackingOff { seconds: 20 });
        assert!(at(3600.0 * 24.0).restarts > 250);
    }

    #[test]
    fn never_restarted_stays_failed_and_flaky_recovers() {
        let failed = standing(&Fate::OutOfMemory(3.0), Restart::Never, 0.0, 9.0);
        assert_eq!((failed.now, failed.last.unwrap().exit.code), (Now::Ended, 137));
        let fate = Fate::Flaky { crashes: 2, after: 3.0, then: 0.0 };
        let recovered = standing(&fate, Restart::OnFailure, 0.0, 60.0);
        assert_eq!((recovered.now, recovered.restarts, recovered.next), (Now::Running { since: 17.0 }, 2, None));
    }

    #[test]
    fn a_failing_pull_alternates() {
        let at = |elapsed| standing(&Fate::NoImage, Restart::Always, 1.0, elapsed).now;
        assert_eq!(at(2.0), Now::Pulling { backing_off: false });
        assert_eq!(at(5.0), Now::Pulling { backing_off: true });
        assert_eq!(at(15.0), Now::Pulling { backing_off: false });
    }

    proptest::proptest! {
        /// What is said to come next lies ahead, and nothing changes before it.
        #[test]
        fn nothing_changes_before_the_next_moment(crashes in 0_u32..4, after in 1.0_f64..20.0, elapsed in 0.0_f64..500.0) {
            let fate = Fate::Flaky { crashes, after, then: 30.0 };
            let here = standing(&fate, Restart::OnFailure, 2.0, elapsed);
            if let Some(next) = here.next {
                proptest::prop_assert!(next > elapsed);
                let middle = standing(&fate, Restart::OnFailure, 2.0, elapsed + (next - elapsed) * 0.5);
                proptest::prop_assert_eq!(middle, here);
            }
        }
    }
}
