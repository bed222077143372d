//! Durations, sizes and long texts as Docker shortens them for people.

use std::time::Duration;

/// How long something took or is ago: `Less than a second`, `12 seconds`, `About an hour`,
/// `5 weeks` (Docker: units.HumanDuration).
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    // Rounded, so that 90 minutes are two hours.
    let hours = (seconds + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 14 => format!("{} days", hours / 24),
        () if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

/// The time from `then` to `now`; zero if `then` is still to come (clocks were set back).
#[must_use]
pub fn since(then: jiff::Timestamp, now: jiff::Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// The whole time as Go prints it: `2026-04-02 19:20:00.123456789 +0000 UTC`.
#[must_use]
pub fn go_time(time: jiff::Timestamp) -> String {
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M:%S%.f %z %Z").to_string()
}

/// A decimal size with three digits: `48.2MB` (Docker: sizes of images and layers).
#[must_use]
pub fn size(bytes: u64) -> String {
    scaled(bytes, 1000, 3, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// A decimal size with four digits: `48.25MB` (Docker: what a prune has made room for).
#[must_use]
pub fn exact_size(bytes: u64) -> String {
    scaled(bytes, 1000, 4, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// A binary size with four digits: `1.953GiB` (Docker: memory).
#[must_use]
pub fn memory(bytes: u64) -> String {
    scaled(bytes, 1024, 4, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// `bytes` in the largest unit that keeps it at 1 or more, with so many significant digits and no
/// zeros at the end (Go: `%.3g`).
fn scaled(bytes: u64, base: u64, digits: usize, units: &[&str]) -> String {
    let (mut value, mut unit) = (bytes as f64, 0);
    // Half of the last shown digit more would be shown as the base itself: the next unit's turn.
    let limit = base as f64 - 0.5 * 10_f64.powi(digits_before_point(base) - digits as i32);
    while value >= limit && unit + 1 < units.len() {
        value /= base as f64;
        unit += 1;
    }
    let decimals = (digits as i32 - digits_before_point(value as u64)).max(0) as usize;
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{}", units[unit])
}

fn digits_before_point(value: u64) -> i32 {
    value.checked_ilog10().map_or(1, |log| log as i32 + 1)
}

/// At most `width` characters, the last one `…` if something was cut.
#[must_use]
pub fn ellipsis(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// `text` in quotes, as Go's `%q` writes it.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if (control as u32) < 0x20 || control as u32 == 0x7f => {
                quoted.push_str(&format!("\\x{:02x}", control as u32));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_dockers() {
        let minute = 60;
        let hour = 60 * minute;
        let day = 24 * hour;
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (61, "About a minute"),
            (2 * minute, "2 minutes"),
            (59 * minute, "59 minutes"),
            (hour, "About an hour"),
            (hour + 30 * minute, "2 hours"),
            (47 * hour, "47 hours"),
            (2 * day, "2 days"),
            (13 * day, "13 days"),
            (14 * day, "2 weeks"),
            (59 * day, "8 weeks"),
            (60 * day, "2 months"),
            (729 * day, "24 months"),
            (730 * day, "2 years"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn sizes_have_three_or_four_digits() {
        for (bytes, decimal, binary) in [
            (0, "0B", "0B"),
            (2, "2B", "2B"),
            (1000, "1kB", "1000B"),
            (48_212_345, "48.2MB", "45.98MiB"),
            (187_000_000, "187MB", "178.3MiB"),
            (999_999, "1MB", "976.6KiB"),
            (2_097_152_000, "2.1GB", "1.953GiB"),
        ] {
            assert_eq!(size(bytes), decimal);
            assert_eq!(memory(bytes), binary);
        }
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(ellipsis("/docker-entrypoint.sh nginx", 20), "/docker-entrypoint.…");
        assert_eq!(ellipsis("short", 20), "short");
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote("sh -c \"a\\b\"\n"), r#""sh -c \"a\\b\"\n""#);
    }
}
