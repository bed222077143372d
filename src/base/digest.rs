//! Content digests: `sha256:` and 64 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Kind, Result, id::hex};

/// A sha256 digest (OCI: descriptor.md#digests). Safe to use as a file name: its form is checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest whose 32 bytes were just computed.
    #[must_use]
    pub fn from_sha256(bytes: &[u8]) -> Digest {
        Digest(hex(bytes))
    }

    /// The 64 digits without `sha256:`.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as people see them.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Digest> {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let digits = text.strip_prefix("sha256:").filter(|digits| {
            // Digests become paths: nothing but the exact form may pass.
            digits.len() == 64 && digits.bytes().all(lower_hex)
        });
        let error = || Error::new(Kind::Invalid, format!("`{text}` is not a sha256 digest"));
        digits.map(|digits| Digest(digits.to_owned())).ok_or_else(error)
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Digest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}
