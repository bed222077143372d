//! What a plain scalar is: text, number, boolean, date or nothing (as go-yaml v4 decides).

use super::super::node::ScalarKind;
use super::number::parse_int;

/// What YAML makes of an unquoted scalar. `None`: null.
#[must_use]
pub fn resolve(text: &str) -> Option<ScalarKind> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return None,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Some(ScalarKind::Bool),
        _ => {}
    }
    let first = text.bytes().next()?;
    // Nothing else can begin a number or a date.
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return Some(ScalarKind::Text);
    }
    Some(match () {
        () if parse_int(text).is_some() => ScalarKind::Int,
        () if is_float(text) => ScalarKind::Float,
        () if is_date(text) => ScalarKind::Date,
        () => ScalarKind::Text,
    })
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, or an infinity, or not a number.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let unsigned = unsigned.replace('_', "");
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned.as_str(), None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let plain = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !plain.is_empty() && digits(plain)
    });
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    exponent_fits && digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// `2024-01-31`, perhaps with a time after `T`, `t` or a blank.
fn is_date(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>, most: u32| {
        lengths.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u32>().is_ok_and(|number| number <= most)
    };
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let dated = number(year, 4..=4, 9999) && number(month, 1..=2, 12) && number(day, 1..=2, 31);
    dated
        && time.is_none_or(|time| {
            time.split(':').count() == 3 && time.starts_with(|c: char| c.is_ascii_digit())
        })
}
