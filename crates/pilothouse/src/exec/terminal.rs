//! The terminal while a program elsewhere has it: raw, and given back however that ends.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// A terminal that passes on every key. Dropping it makes it as it was.
#[derive(Debug)]
pub(super) struct Terminal {
    before: Termios,
}

/// What befalls the terminal.
#[derive(Debug)]
pub(super) struct Changes {
    size: Signal,
    ends: [Signal; 2],
}

impl Terminal {
    /// Takes the terminal of standard input.
    pub(super) fn take() -> Result<Self, Failure> {
        let input = std::io::stdin();
        let before = tcgetattr(&input).map_err(broken)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Drain, &raw).map_err(broken)?;
        Ok(Self { before })
    }

    /// Columns and rows, where the terminal knows them.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        let size = tcgetwinsize(std::io::stdout()).or_else(|_| tcgetwinsize(std::io::stdin())).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
    }

    /// What befalls it from now on.
    pub(super) fn changes(&self) -> Result<Changes, Failure> {
        let ends = [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
        Ok(Changes { size: signal(SignalKind::window_change())?, ends })
    }
}

impl Changes {
    /// Waits for another size; `false` when the program is to end.
    pub(super) async fn next(&mut self) -> bool {
        let [terminate, hang_up] = &mut self.ends;
        tokio::select! {
            _ = self.size.recv() => true,
            _ = terminate.recv() => false,
            _ = hang_up.recv() => false,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.before) {
            tracing::warn!(%error, "the terminal stays raw; `reset` mends it");
        }
    }
}

fn broken(error: rustix::io::Errno) -> Failure {
    Failure::Other(format!("the terminal cannot be made raw: {error}"))
}
