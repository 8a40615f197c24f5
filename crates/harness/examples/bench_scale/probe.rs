//! What Linux tells of a running program: its memory and its processor time.

use std::time::{Duration, Instant};

use crate::outcome::Outcome;

/// Memory of a program in megabytes (of a million bytes).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

pub(crate) fn memory(id: u32) -> Outcome<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| -> Outcome<f64> {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .ok_or_else(|| format!("no {name}: the program is gone"))?;
        let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("an empty line")?.parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// Sets a program's peak of memory back to what it has now.
pub(crate) fn forget_peak(id: u32) {
    // Not allowed everywhere; the peak then counts from the program's start.
    drop(std::fs::write(format!("/proc/{id}/clear_refs"), "5"));
}

/// Processor time of a program since it started, user and system together.
fn spent(id: u32) -> Outcome<Duration> {
    // Ticks are a hundredth of a second on every Linux that runs this.
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name stands in parentheses and may hold blanks.
    let rest = text.rsplit_once(')').ok_or("no name in stat")?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: u32 =
        fields.get(11).ok_or("a short stat")?.parse::<u32>()? + fields.get(12).ok_or("a short stat")?.parse::<u32>()?;
    Ok(TICK * ticks)
}

/// Measures the share of a core that a program takes from now on.
pub(crate) struct Clock {
    id: u32,
    spent: Duration,
    since: Instant,
}

impl Clock {
    pub(crate) fn start(id: u32) -> Outcome<Self> {
        Ok(Self { id, spent: spent(id)?, since: Instant::now() })
    }

    /// Cores in use since the start: 0.5 is half a core.
    pub(crate) fn cores(&self) -> Outcome<f64> {
        let spent = spent(self.id)?.saturating_sub(self.spent);
        Ok(spent.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }

    /// Seconds of processor time since the start.
    pub(crate) fn seconds(&self) -> Outcome<f64> {
        Ok(spent(self.id)?.saturating_sub(self.spent).as_secs_f64())
    }
}

/// Processor time of the thread that asks, in milliseconds: unlike a clock on the wall it does not count what others do.
pub(crate) fn own_time() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e6)
}
