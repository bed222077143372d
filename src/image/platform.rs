//! Platforms: `linux/amd64`, and which image of an index fits this machine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, Result};

use super::manifest::Descriptor;

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

/// The image for `wanted` in an index. Without an entry that says so, one that says nothing may
/// still be it; attestations (`unknown/unknown`) never are.
///
/// # Errors
/// There is none; the error lists those there are.
pub fn choose<'a>(offered: &'a [Descriptor], wanted: &Platform) -> Result<&'a Descriptor> {
    let fits = |descriptor: &&Descriptor| {
        descriptor.platform.as_ref().is_some_and(|platform| wanted.accepts(platform))
    };
    let plain = |descriptor: &&Descriptor| {
        descriptor.platform.as_ref().is_some_and(|platform| platform.variant.is_none())
    };
    let named = offered.iter().filter(fits).find(plain).or_else(|| offered.iter().find(fits));
    let unnamed = || offered.iter().find(|descriptor| descriptor.platform.is_none());
    named.or_else(unnamed).ok_or_else(|| {
        let known: Vec<String> = offered
            .iter()
            .filter_map(|descriptor| descriptor.platform.as_ref())
            .filter(|platform| platform.os != "unknown")
            .map(Platform::to_string)
            .collect();
        let message = format!("no image for platform {wanted} in the manifest list");
        let error = Error::new(Kind::NotFound, message);
        match known.is_empty() {
            true => error,
            false => error.hint(format!("there are images for {}", known.join(", "))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> Vec<Descriptor> {
        let descriptor = |(number, text): (usize, &&str)| Descriptor {
            media_type: String::new(),
            digest: format!("sha256:{number:064}").parse().unwrap(),
            size: number as u64,
            platform: (!text.is_empty()).then(|| text.parse().unwrap()),
            annotations: Default::default(),
        };
        platforms.iter().enumerate().map(descriptor).collect()
    }

    #[test]
    fn the_image_that_fits_is_chosen() {
        for (offered, wanted, expected) in [
            (&["linux/arm64", "linux/amd64"][..], "linux/amd64", 1),
            (&["linux/amd64/v3", "linux/amd64"], "linux/amd64", 1),
            (&["linux/arm64/v8"], "linux/aarch64", 0),
            (&["linux/arm/v6", "linux/arm/v7"], "linux/arm", 1),
            (&["windows/amd64", ""], "linux/amd64", 1),
        ] {
            let index = index(offered);
            let chosen = choose(&index, &wanted.parse().unwrap()).unwrap();
            assert_eq!(chosen.size, expected, "{wanted} of {offered:?}");
        }
    }

    #[test]
    fn a_missing_platform_names_those_there_are() {
        let index = index(&["linux/s390x", "unknown/unknown"]);
        let error = choose(&index, &"linux/amd64".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "no image for platform linux/amd64 in the manifest list");
        assert_eq!(error.hints(), ["there are images for linux/s390x"]);
        for text in ["", "a/b/c/d", "linux/", "a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
