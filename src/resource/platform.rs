//! Platforms: `linux/amd64`, and what programs for one are good for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, Result};

use super::Image;

/// An operating system and a processor (OCI: image-index.md, `platform`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `linux`, …
    pub os: String,
    /// `v7`, `v8`, …; `None`: the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// This machine's.
    #[must_use]
    pub fn host() -> Platform {
        let (architecture, variant) = known(std::env::consts::ARCH, None);
        Platform { architecture, os: "linux".to_owned(), variant }
    }

    /// What an image's configuration says, without its variant; `None`: nothing.
    #[must_use]
    pub fn written(architecture: &str, os: &str) -> Option<Platform> {
        let os = if os.is_empty() { "linux" } else { os };
        let (architecture, os) = (architecture.to_owned(), os.to_owned());
        (!architecture.is_empty()).then_some(Platform { architecture, os, variant: None })
    }

    /// Whether programs for `offered` are what `self` asks for.
    #[must_use]
    pub fn accepts(&self, offered: &Platform) -> bool {
        let offered = offered.normal();
        let wanted = self.normal();
        let variant_fits = match (&wanted.variant, &offered.variant) {
            (None, _) => true,
            (wanted, offered) => wanted == offered,
        };
        wanted.os == offered.os && wanted.architecture == offered.architecture && variant_fits
    }

    /// With the names that images use most.
    fn normal(&self) -> Platform {
        let (architecture, variant) = known(&self.architecture, self.variant.as_deref());
        Platform { architecture, os: self.os.to_ascii_lowercase(), variant }
    }
}

/// One spelling for each processor (containerd: platforms/database.go).
fn known(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("i386" | "i486" | "i586" | "i686" | "x86", variant) => ("386", variant),
        ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("loongarch64", variant) => ("loong64", variant),
        (other, variant) => (other, variant),
    };
    (architecture.to_owned(), variant.map(str::to_owned))
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Platform> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some(*variant)),
            // A lone word is one or the other (containerd: platforms.Parse).
            [os @ "linux"] => {
                let host = Platform::host();
                return Ok(Platform { os: (*os).to_owned(), ..host });
            }
            [architecture] => ("linux", *architecture, None),
            _ => ("", "", None),
        };
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let words = [os, architecture, variant.unwrap_or("v1")];
        if words.iter().any(|word| word.is_empty() || !word.bytes().all(is_word)) {
            return Err(Error::new(Kind::Invalid, format!("`{text}` is not a platform"))
                .hint("platforms look like linux/amd64 or linux/arm/v7"));
        }
        let (architecture, variant) = known(architecture, variant);
        Ok(Platform { architecture, os: os.to_ascii_lowercase(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl Image {
    /// Whether it is for `wanted`. What it does not say fits: also its variant, which the store
    /// does not know.
    #[must_use]
    pub fn is_for(&self, wanted: &Platform) -> bool {
        Platform::written(&self.architecture, &self.os).is_none_or(|offered| {
            let wanted = Platform { variant: None, ..wanted.clone() };
            wanted.accepts(&offered)
        })
    }

    /// An error for an image that must not be fetched and is for another platform (Docker: these
    /// words).
    #[must_use]
    pub fn not_for(&self, name: &str, wanted: &Platform) -> Error {
        let message = format!(
            "image with reference {name} was found but does not match the specified platform: \
             wanted {wanted}, actual: {}/{}",
            self.os, self.architecture
        );
        Error::new(Kind::NotFound, message)
    }
}
