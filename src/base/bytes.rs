//! Byte sizes as Compose and Docker write them: `512m` is 512 · 1024².

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Kind, Result};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Bytes(pub u64);

/// Binary sizes: a number, optional fraction, optional unit `b k m g t p` with an optional `b` or
/// `ib` after it, any case (Docker: RAMInBytes). A fraction is cut, not rounded.
impl FromStr for Bytes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Bytes> {
        let invalid = || {
            Error::new(Kind::Invalid, format!("`{text}` is not a size"))
                .hint("write a number and a unit, such as 512m or 1.5g")
        };
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = text[digits.len()..].to_ascii_lowercase();
        let digits = digits.trim();
        let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if digits.is_empty() || !digits.bytes().all(plain) {
            return Err(invalid());
        }
        let factor = factor(&unit).ok_or_else(invalid)?;
        if let Ok(whole) = digits.parse::<u64>() {
            return whole.checked_mul(factor).map(Bytes).ok_or_else(invalid);
        }
        let number: f64 = digits.parse().map_err(|_| invalid())?;
        let bytes = number * factor as f64;
        match bytes < u64::MAX as f64 {
            true => Ok(Bytes(bytes as u64)),
            false => Err(invalid()),
        }
    }
}

/// How many bytes one of `unit` is; `None` for an unknown unit.
fn factor(unit: &str) -> Option<u64> {
    let letter = match unit {
        "" | "b" => return Some(1),
        _ => unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit),
    };
    let power = ["k", "m", "g", "t", "p"].iter().position(|known| *known == letter)?;
    Some(1 << (10 * (power + 1)))
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024_in_any_spelling() {
        for (text, bytes) in [
            ("10", 10),
            ("10b", 10),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("64m", 64 << 20),
            ("1.5g", 3 << 29),
            ("2 gb", 2 << 30),
        ] {
            assert_eq!(text.parse::<Bytes>().unwrap(), Bytes(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "m", "-1", "1x", "1..2m", "99999999999p", "1e3"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
