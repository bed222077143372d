//! Downloads that go on where they broke.

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::base::{Context, Digest, Error, Kind, Result};

use super::http::{Ask, place};
use super::retry::{Attempts, Failure};
use super::{Registry, success};

/// Takes a blob's bytes, in order.
pub trait BlobSink {
    /// The next bytes. An error ends the download.
    ///
    /// # Errors
    /// Whoever works on the bytes gave up.
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = Result<()>> + Send;
}

/// Progress that makes a broken download worth another full set of attempts.
const ENOUGH: u64 = 1 << 20;

impl Registry {
    /// Downloads `size` bytes of a blob into `sink`, beginning at `start`. When the connection
    /// breaks, goes on after the last byte, where the registry can, and skips bytes where not.
    /// The bytes are not verified.
    ///
    /// # Errors
    /// The blob is missing or of another size; the connection keeps breaking; `sink` gave up.
    pub async fn blob(
        &self,
        digest: &Digest,
        size: u64,
        start: u64,
        sink: &mut (impl BlobSink + Send),
    ) -> Result<()> {
        let mut attempts = Attempts::new(self.http.settings());
        let (mut done, mut reached) = (start, start);
        while done < size {
            let failure = match self.blob_part(digest, size, &mut done, sink).await? {
                None => continue,
                Some(failure) => failure,
            };
            if done >= reached + ENOUGH {
                reached = done;
                attempts.renew();
            }
            attempts.after(Failure::Transient(failure, None)).await?;
        }
        Ok(())
    }

    /// One connection's worth; `Some`: it broke, and trying again may help.
    async fn blob_part(
        &self,
        digest: &Digest,
        size: u64,
        done: &mut u64,
        sink: &mut (impl BlobSink + Send),
    ) -> Result<Option<Error>> {
        let mut response = self.open_blob(digest, *done).await?;
        let mut skip = *done - first_byte(&response, *done)?;
        if let Some(length) = response.content_length()
            && length.checked_add(*done - skip) != Some(size)
        {
            return Err(wrong_size(digest, size));
        }
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) if *done < size => {
                    let message = format!("{} cut layer {} off", self.place(), digest.short());
                    return Ok(Some(Error::other(message)));
                }
                Ok(None) => return Ok(None),
                // The client's own words say less.
                Err(error) => {
                    let (kind, why) = match error.is_timeout() {
                        true => (Kind::TimedOut, "nothing more came"),
                        false => (Kind::Other, "the connection broke"),
                    };
                    let (place, name) = (self.place(), digest.short());
                    let message =
                        format!("{place}: {why} after {done} of {size} bytes of layer {name}");
                    return Ok(Some(Error::new(kind, message)));
                }
            };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            skip -= skipped as u64;
            let fresh = &piece[skipped..];
            if *done + fresh.len() as u64 > size {
                return Err(wrong_size(digest, size));
            }
            if !fresh.is_empty() {
                sink.take(fresh).await?;
                *done += fresh.len() as u64;
            }
        }
    }

    async fn open_blob(&self, digest: &Digest, from: u64) -> Result<Response> {
        let url = self.http.url(&format!("{}/blobs/{digest}", self.path));
        let mut ask = Ask::new(Method::GET, url, &self.scope);
        if from > 0 {
            let range = format!("bytes={from}-").parse();
            ask.headers.insert(
                RANGE,
                range.map_err(std::io::Error::other).context(|| "bad range".to_owned())?,
            );
        }
        let mut response = self.http.send(&ask).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // Some caches cannot; from the beginning then.
            ask.headers.clear();
            response = self.http.send(&ask).await?;
        }
        success(response, &format!("cannot download layer {}", digest.short())).await
    }
}

/// Where an answer's bytes begin: what we asked for, or 0 if the registry ignored that.
fn first_byte(response: &Response, wanted: u64) -> Result<u64> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(0);
    }
    let text = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = text.and_then(|text| text.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
    match first {
        Some(first) if first <= wanted => Ok(first),
        _ => {
            let message =
                format!("{} sends another part of a layer than asked for", place(response.url()));
            Err(Error::new(Kind::Invalid, message))
        }
    }
}

fn wrong_size(digest: &Digest, size: u64) -> Error {
    let message = format!("layer {} is not the {size} bytes the manifest says", digest.short());
    Error::new(Kind::Invalid, message)
}
