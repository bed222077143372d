//! Which image of an index fits a platform.

use crate::base::{Error, Kind, Result};

pub use crate::resource::platform::Platform;

use super::manifest::Descriptor;

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
