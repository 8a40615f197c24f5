//! Moments and spans as Kubernetes writes them and kubectl shows them.

use jiff::{SignedDuration, Timestamp};

/// Reads RFC 3339, as `metav1.Time` and `metav1.MicroTime` are written.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A span the way kubectl shows ages: `5s`, `3m12s`, `7h`, `2d5h`, `3y40d`.
///
/// Source of the rule: `HumanDuration` in `k8s.io/apimachinery/pkg/util/duration`. Unlike there, a clock that is ahead
/// by more than a second reads `0s`, not `<invalid>`.
pub fn human(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: char, small: i64, small_unit: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, 'm', seconds % 60, 's')
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 192 {
        two(days, 'd', hours % 24, 'h')
    } else if days < 365 * 2 {
        format!("{days}d")
    } else if days < 365 * 8 {
        two(days / 365, 'y', days % 365, 'd')
    } else {
        format!("{}y", days / 365)
    }
}

/// The age of something made at `since`, seen at `now`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    human(now.duration_since(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_shows_them() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (192, "3m12s"),
            (600, "10m"),
            (179 * 60, "179m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 61, "3h1m"),
            (8 * 3600 + 59, "8h"),
            (47 * 3600, "47h"),
            (53 * 3600, "2d5h"),
            (192 * 3600, "8d"),
            (700 * 86_400, "700d"),
            ((365 * 3 + 40) * 86_400, "3y40d"),
            (365 * 9 * 86_400, "9y"),
            (-5, "0s"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human(SignedDuration::from_secs(seconds)), expected, "{seconds} s");
        }
    }
}
