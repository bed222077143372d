//! Files from anywhere in the web, for `ADD https://…`: no registry, no credentials.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use reqwest::header::LAST_MODIFIED;
use reqwest::{Client, Url, redirect};

use crate::base::{Context, Error, Kind, Result};

use super::dns::Resolver;
use super::http::{CONNECT_PATIENCE, reason};
use super::retry::{Attempts, Failure, settled};
use super::settings::Settings;
use super::tls;

/// Longest chain of redirects.
const MAX_REDIRECTS: usize = 10;

/// Most bytes of a document that is read as a whole.
const MAX_ANSWER: usize = 4 << 20;

/// A download is tried so often: nobody waits long for a server that is not there.
const ATTEMPTS: u32 = 3;

/// Downloads `url` into a new file of at most `most` bytes. Returns when the server says it was
/// last changed, in seconds since 1970. A server that says nothing more for as long as
/// [`Settings::stall`] is given up.
///
/// # Errors
/// The server cannot be reached or says no; [`Kind::Invalid`] when it sends more than `most` bytes;
/// the disk is full. There is no file then.
pub async fn download(settings: &Settings, url: &str, to: &Path, most: u64) -> Result<Option<i64>> {
    // Without credentials: they must not show up in messages (CVE-2023-26054).
    let mut shown: Url =
        url.parse().map_err(|error| Error::new(Kind::Invalid, format!("bad URL: {error}")))?;
    let address = shown.clone();
    // Only schemes that cannot have them refuse this.
    let _ = (shown.set_username(""), shown.set_password(None));
    let download = Download { client: client(settings, &address)?, address, shown, most };
    let mut attempts = Attempts::at_most(ATTEMPTS, settings);
    loop {
        let failure = match download.attempt(to).await {
            Ok(modified) => return Ok(modified),
            Err(failure) => failure,
        };
        // That it is not there is as good: nothing may have been written.
        let _ = std::fs::remove_file(to);
        attempts.after(failure).await?;
    }
}

struct Download {
    client: Client,
    address: Url,
    /// The address for messages.
    shown: Url,
    /// Bytes.
    most: u64,
}

impl Download {
    async fn attempt(&self, to: &Path) -> Result<Option<i64>, Failure> {
        let broken = |error: reqwest::Error| {
            let kind = if error.is_timeout() { Kind::TimedOut } else { Kind::Other };
            let failure = Error::new(kind, self.failed(&reason(&error)));
            match error.is_redirect() || error.is_builder() {
                true => Failure::Final(failure),
                false => Failure::Transient(failure, None),
            }
        };
        let response = self.client.get(self.address.clone()).send().await.map_err(broken)?;
        let what = self.failed("the server");
        let mut response = settled(response, &what).await?;
        if !response.status().is_success() {
            let message = self.failed(&format!("the server says {}", response.status()));
            return Err(Failure::Final(Error::new(Kind::NotFound, message)));
        }
        let modified = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
        let modified = modified.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        self.check(response.content_length().unwrap_or(0))?;
        let describe = || format!("cannot write {}", to.display());
        let mut file = File::create(to).context(describe).map_err(Failure::Final)?;
        let mut done = 0;
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            done += piece.len() as u64;
            self.check(done)?;
            file.write_all(&piece).context(describe).map_err(Failure::Final)?;
        }
        Ok(modified.map(|time| time.timestamp().as_second()))
    }

    fn check(&self, size: u64) -> Result<(), Failure> {
        if size <= self.most {
            return Ok(());
        }
        let message = self.failed(&format!("it is larger than {} bytes", self.most));
        Err(Failure::Final(Error::new(Kind::Invalid, message)))
    }

    fn failed(&self, why: &str) -> String {
        format!("cannot download {}: {why}", self.shown)
    }
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
        .connect_timeout(CONNECT_PATIENCE)
        .read_timeout(settings.stall)
        .tls_backend_preconfigured(tls::config(settings, host)?)
        .build()
        .map_err(|error| Error::other("cannot set up a connection").with_source(error))
}
