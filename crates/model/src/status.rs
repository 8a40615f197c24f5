//! How things are: a closed set of levels for colour and shape, and the closed set of workload states.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::Str;

/// How a thing stands, for colour and shape; every status of every kind maps to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Broken: someone has to act.
    Error,
    /// Degraded or about to break.
    Warning,
    /// Waiting for something outside: quota, a queue, a node, a volume.
    Waiting,
    /// On its way: starting, stopping, rolling out.
    Progress,
    /// As it should be, and active.
    Good,
    /// Finished well.
    Done,
    /// Off on purpose: stopped, suspended, scaled to zero.
    Idle,
    /// The object does not say, or says what we do not know.
    Unknown,
}

impl Level {
    /// Every level, worst first.
    pub const ALL: [Self; 8] =
        [Self::Error, Self::Warning, Self::Waiting, Self::Progress, Self::Good, Self::Done, Self::Idle, Self::Unknown];

    /// Lower-case name, as in the API and in style sheets.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Waiting => "waiting",
            Self::Progress => "progress",
            Self::Good => "good",
            Self::Done => "done",
            Self::Idle => "idle",
            Self::Unknown => "unknown",
        }
    }
}

/// The state of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Waiting for quota or a queue.
    Queued,
    /// Created, not running.
    Pending,
    /// Some of it runs, not all that should.
    Starting,
    /// Running as it should.
    Running,
    /// Held on purpose, can be resumed.
    Suspended,
    /// On its way to stopped.
    Stopping,
    /// Off on purpose.
    Stopped,
    /// Finished well.
    Succeeded,
    /// Finished badly.
    Failed,
    /// Ended by a person or a policy before it finished.
    Canceled,
    /// The object does not say, or says what we do not know.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Suspended,
        Self::Stopping,
        Self::Stopped,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Unknown,
    ];

    /// The word, as shown and as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Pending => "Pending",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Suspended => "Suspended",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Unknown => "Unknown",
        }
    }

    /// The level that a state has by itself. A workload that runs in trouble overrides it (see `Workload::level`).
    pub fn level(self) -> Level {
        match self {
            Self::Queued | Self::Pending => Level::Waiting,
            Self::Starting | Self::Stopping => Level::Progress,
            Self::Running => Level::Good,
            Self::Suspended | Self::Stopped | Self::Canceled => Level::Idle,
            Self::Succeeded => Level::Done,
            Self::Failed => Level::Error,
            Self::Unknown => Level::Unknown,
        }
    }

    /// Whether nothing more will happen by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }

    /// Whether it holds or wants resources now.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Pending | Self::Starting | Self::Running | Self::Stopping)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = ();

    /// Reads the word in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text)).ok_or(())
    }
}

/// How one object stands: a level, the word that its own project uses, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Colour and shape.
    pub level: Level,
    /// The word: a workload's [`State`], a pod's `CrashLoopBackOff`, a node's `Ready`. Empty when the kind has no state.
    pub word: Str,
    /// Machine-readable reason, or empty.
    pub reason: Str,
    /// Message for people, or empty.
    pub message: Str,
}

impl Status {
    /// A status of this level and word, with nothing more to say.
    pub fn new(level: Level, word: &str) -> Self {
        Self { level, word: word.into(), reason: "".into(), message: "".into() }
    }

    /// The status of a kind that has no state.
    pub fn none() -> Self {
        Self::new(Level::Unknown, "")
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, reason: &str, message: &str) -> Self {
        self.reason = reason.into();
        self.message = message.into();
        self
    }

    /// Whether the kind has a state at all.
    pub fn is_some(&self) -> bool {
        !self.word.is_empty()
    }
}

impl From<State> for Status {
    fn from(state: State) -> Self {
        Self::new(state.level(), state.as_str())
    }
}
