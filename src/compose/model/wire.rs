//! How single values are written: sizes and durations as text, zero values left out.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Whether a field says nothing: unset, or the value it has when unset (Docker: `omitempty`).
pub fn empty<T: Default + PartialEq>(value: &Option<T>) -> bool {
    value.as_ref().is_none_or(|value| *value == T::default())
}

/// Whether a plain field has the value it has when unset.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Prints pairs as a list of `name=value`, or of names alone.
pub fn pairs_as_list<S: Serializer>(
    pairs: &std::collections::BTreeMap<String, Option<String>>,
    out: S,
) -> Result<S::Ok, S::Error> {
    out.collect_seq(pairs.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    }))
}

/// Serde for types that are read and printed as text.
pub mod text {
    use super::*;

    /// Prints with `Display`.
    pub fn serialize<T: Display, S: Serializer>(value: &T, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    /// Reads with `FromStr`.
    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// As [`text`], for fields that may be unset.
pub mod text_option {
    use super::*;

    /// Prints with `Display`; an unset field as null.
    pub fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => out.collect_str(value),
            None => out.serialize_none(),
        }
    }

    /// Reads with `FromStr`; null is unset.
    pub fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// Durations, as Go writes them.
pub mod duration {
    use std::time::Duration;

    use super::*;
    use crate::base::duration;

    /// Prints as Go does, as in `1m30s`.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => out.collect_str(&duration::print(*value)),
            None => out.serialize_none(),
        }
    }

    /// Reads numbers with units; null is unset.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| duration::parse(&text).map_err(D::Error::custom)).transpose()
    }
}

/// File modes: read as octal digits, printed as `0440` is.
pub mod mode {
    use super::*;

    /// Prints four octal digits (Docker: `FileMode`).
    pub fn serialize<S: Serializer>(value: &Option<u32>, out: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => out.collect_str(&format_args!("0{value:o}")),
            None => out.serialize_none(),
        }
    }

    /// Reads octal digits, with or without `0` or `0o` before them.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parse = |text: String| {
            let digits = text.strip_prefix("0o").unwrap_or(&text);
            u32::from_str_radix(digits, 8)
                .map_err(|_| D::Error::custom(format!("`{text}` is not an octal file mode")))
        };
        text.map(parse).transpose()
    }
}
