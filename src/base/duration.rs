//! Durations as Go writes them: `1h2m3.5s`.

use std::time::Duration;

use super::{Error, Kind, Result};

const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Parses a Go duration, with the units `d` and `w` that Compose adds (Spec: 11-extension.md).
///
/// # Errors
/// [`Kind::Invalid`] for a missing or unknown unit, a sign, or more than 2⁶³ nanoseconds.
pub fn parse(text: &str) -> Result<Duration> {
    let invalid = || {
        Error::new(Kind::Invalid, format!("`{text}` is not a duration"))
            .hint("write numbers with units, such as 1m30s, 500ms or 10s")
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, 0_u128);
    while !rest.is_empty() {
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(length);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let nanos = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?.1;
        total += scaled(number, nanos).ok_or_else(invalid)?;
        rest = tail;
    }
    match !text.is_empty() && total <= i64::MAX as u128 {
        true => Ok(Duration::from_nanos(total as u64)),
        false => Err(invalid()),
    }
}

/// `number`, which may have a fraction, times `unit` nanoseconds, without floating point.
fn scaled(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 19 {
        return None;
    }
    let mut total =
        whole.parse::<u128>().ok().or(whole.is_empty().then_some(0))? * u128::from(unit);
    let mut place = u128::from(unit);
    for digit in fraction.chars() {
        place /= 10;
        total += u128::from(digit.to_digit(10)?) * place;
    }
    Some(total)
}

/// Prints as Go does: `1m30s`, `1.5s`, `100ms`, `0s`.
#[must_use]
pub fn print(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (unit, name) = match nanos {
            ..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{}{name}", decimal(nanos, unit));
    }
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(nanos % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// `nanos` in units of `unit`, with as many decimals as it needs.
fn decimal(nanos: u128, unit: u128) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", nanos % unit);
    match fraction.trim_end_matches('0') {
        "" => (nanos / unit).to_string(),
        digits => format!("{}.{digits}", nanos / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_go_and_compose_write() {
        for (text, millis) in [
            ("0", 0),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            (".5s", 500),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "5", "s", "1x", "-1s", "1s5", ".s", "99999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prints_as_go_does() {
        for text in ["0s", "1ns", "1.5µs", "100ms", "1.5s", "1m30s", "1h0m0s", "24h0m0.001s"] {
            assert_eq!(print(parse(text).unwrap()), text);
        }
    }
}
