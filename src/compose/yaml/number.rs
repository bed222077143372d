//! Numbers as YAML reads and Go prints them.

use super::super::node::{Scalar, ScalarKind};

/// A whole number as go-yaml reads it: decimal, `0x`, `0o`, `0b`, octal after a plain `0`, with
/// underscores anywhere.
#[must_use]
pub fn parse_int(text: &str) -> Option<i128> {
    let bare = text.replace('_', "");
    let (negative, digits) = match bare.as_bytes().first()? {
        b'-' => (true, &bare[1..]),
        b'+' => (false, &bare[1..]),
        _ => (false, bare.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        Some(two) if two.starts_with('0') => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // Rust would accept a second sign.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    let number = if negative { -number } else { number };
    // Go knows no larger numbers than these.
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(number)
}

/// A scalar as the text it becomes where text is needed (Go: `fmt.Sprint`).
#[must_use]
pub fn sprint(scalar: &Scalar) -> String {
    let text = &scalar.text;
    match scalar.kind {
        ScalarKind::Text => text.clone(),
        ScalarKind::Bool => text.to_ascii_lowercase(),
        ScalarKind::Int => parse_int(text).map_or_else(|| text.clone(), |it| it.to_string()),
        ScalarKind::Float => parse_float(text).map_or_else(|| text.clone(), print_float),
        ScalarKind::Date => date(text),
    }
}

/// A number with a fraction or exponent as YAML reads it.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    match text.trim_start_matches('+').to_ascii_lowercase().as_str() {
        ".inf" => Some(f64::INFINITY),
        "-.inf" => Some(f64::NEG_INFINITY),
        ".nan" => Some(f64::NAN),
        plain => plain.replace('_', "").parse().ok(),
    }
}

/// As Go's `%v`: the shortest digits, with an exponent below 1e-4 and from 1e21 on.
fn print_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let exponent = if number == 0.0 { 0 } else { number.abs().log10().floor() as i32 };
    if (-4..21).contains(&exponent) {
        return number.to_string();
    }
    // Rust prints `1e21` and `1e-7`; Go always has a sign and two digits.
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, size) = match exponent.strip_prefix('-') {
        Some(size) => ('-', size),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{size:0>2}")
}

/// As Go prints a time without a zone; what has a time of day stays as it was written.
fn date(text: &str) -> String {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [year, month, day] if text.len() <= 10 => {
            format!("{year}-{month:0>2}-{day:0>2} 00:00:00 +0000 UTC")
        }
        _ => text.to_owned(),
    }
}
