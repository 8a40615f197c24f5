//! Moments: ages tick in the browser, dates stand still.

use jiff::Timestamp;
use maud::{Markup, html};
use pilothouse_model::time;

/// A moment as the age since then; the browser keeps it ticking.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(exact(since)) data-age=(since.as_second()) title=(exact(since)) { (time::age(since, now)) }
    }
}

/// A moment as a date, with its age.
pub(crate) fn date(moment: Timestamp, now: Timestamp) -> Markup {
    html! {
        (moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) " "
        span.faint { "(" (age(moment, now)) " ago)" }
    }
}

/// A moment to come; the browser counts down.
pub(crate) fn until(moment: Timestamp, now: Timestamp) -> Markup {
    let left = moment.duration_since(now).as_secs();
    html! {
        time datetime=(exact(moment)) data-until=(moment.as_second()) {
            @if left > 0 { "in " (left) " s" } @else { "now" }
        }
    }
}

fn exact(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
