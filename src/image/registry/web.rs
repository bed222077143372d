//! Files from anywhere in the web, for `ADD https://…`: no registry, no credentials.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use reqwest::header::LAST_MODIFIED;
use reqwest::{Client, Url, redirect};

use crate::base::{Context, Error, Kind, Result};

use super::dns::Resolver;
use super::http::reason;
use super::settings::Settings;
use super::tls;

/// Longest chain of redirects.
const MAX_REDIRECTS: usize = 10;

/// Most bytes of a document that is read as a whole.
const MAX_ANSWER: usize = 4 << 20;

/// Downloads `url` into a new file. Returns when the server says it was last changed, in seconds
/// since 1970.
///
/// # Errors
/// The server cannot be reached or says no; the disk is full.
pub async fn download(settings: &Settings, url: &str, to: &Path) -> Result<Option<i64>> {
    // Without credentials: they must not show up in messages (CVE-2023-26054).
    let mut shown: Url =
        url.parse().map_err(|error| Error::new(Kind::Invalid, format!("bad URL: {error}")))?;
    let parsed = shown.clone();
    // Only schemes that cannot have them refuse this.
    let _ = (shown.set_username(""), shown.set_password(None));
    let failed = |error: reqwest::Error| {
        Error::other(format!("cannot download {shown}: {}", reason(&error)))
    };
    let client = client(settings, &parsed)?;
    let mut response = client.get(parsed).send().await.map_err(failed)?;
    if !response.status().is_success() {
        let message = format!("cannot download {shown}: the server says {}", response.status());
        return Err(Error::new(Kind::NotFound, message));
    }
    let modified = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let modified = modified.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    let modified = modified.map(|time| time.timestamp().as_second());
    let describe = || format!("cannot write {}", to.display());
    let mut file = std::fs::File::create(to).context(describe)?;
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        file.write_all(&piece).context(describe)?;
    }
    Ok(modified)
}

/// Reads the document at `url`, which is not large.
///
/// # Errors
/// The server cannot be reached; [`Kind::NotFound`] when it says no.
pub async fn read(settings: &Settings, url: &Url) -> Result<Vec<u8>> {
    let place = url.origin().ascii_serialization();
    let failed =
        |error: reqwest::Error| Error::other(format!("cannot reach {place}: {}", reason(&error)));
    let mut response = client(settings, url)?.get(url.clone()).send().await.map_err(failed)?;
    if !response.status().is_success() {
        let message = format!("{place} says {}", response.status());
        return Err(Error::new(Kind::NotFound, message));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_ANSWER {
            return Err(Error::other(format!("the answer of {place} is too long")));
        }
    }
    Ok(bytes)
}

/// A client for the server of `url`, which gets no credentials.
fn client(settings: &Settings, url: &Url) -> Result<Client> {
    let host = url.host_str().unwrap_or_default();
    Client::builder()
        .user_agent(concat!("compose/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::limited(MAX_REDIRECTS))
        .dns_resolver(Arc::new(Resolver))
        .read_timeout(settings.stall)
        .tls_backend_preconfigured(tls::config(settings, host)?)
        .build()
        .map_err(|error| Error::other("cannot set up a connection").with_source(error))
}
