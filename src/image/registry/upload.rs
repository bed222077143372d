//! Uploads: skipped where the registry has the blob, mounted where another repository has it,
//! in one piece where it is small, and in several that can be repeated where not.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::{CONTENT_RANGE, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode, Url};

use crate::base::{Context, Digest, Error, Kind, Result};

use super::http::{Ask, Content, Sent};
use super::refusal::refusal;
use super::{Registry, success};

/// How a blob got into the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was there.
    Existed,
    /// From this repository of the same registry.
    Mounted(String),
    /// Uploaded.
    Uploaded,
}

/// A blob to upload.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// Its digest.
    pub digest: &'a Digest,
    /// Its bytes.
    pub size: u64,
    /// Where it lies.
    pub file: &'a Path,
    /// Repositories of the same registry that may have it.
    pub sources: &'a [String],
    /// Upload it even where the registry says that it has it: it was wrong about that.
    pub anew: bool,
}

/// What a look for a blob found.
enum Found {
    Placed(Placed),
    /// Not it; but the registry began an upload instead, to this address.
    Begun(Url),
    Nowhere,
}

/// An upload that lost its connection is continued so often.
const RESUMES: usize = 5;

impl Registry {
    /// Whether the repository has the blob.
    ///
    /// # Errors
    /// The registry does not say.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let url = self.http.url(&format!("{}/blobs/{digest}", self.path));
        let response = self.http.send(&Ask::new(Method::HEAD, url, &self.scope)).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(refusal(response, "cannot look for a layer").await),
        }
    }

    /// Sees to it that the repository has the blob.
    ///
    /// # Errors
    /// The registry refuses it, or the connection keeps breaking.
    pub async fn place_blob(&self, upload: &Upload<'_>, sent: &Arc<dyn Sent>) -> Result<Placed> {
        let begun = match upload.anew {
            true => None,
            false => match self.find_blob(upload).await? {
                Found::Placed(placed) => return Ok(placed),
                Found::Begun(address) => Some(address),
                Found::Nowhere => None,
            },
        };
        let address = match begun {
            Some(address) => address,
            None => self.begin_upload().await?,
        };
        match upload.size > self.http.settings().upload_piece {
            true => self.upload_in_pieces(upload, address, sent).await?,
            false => self.upload_whole(upload, address, sent).await?,
        }
        Ok(Placed::Uploaded)
    }

    /// Looks for the blob in the repository, then in others that it can be mounted from.
    async fn find_blob(&self, upload: &Upload<'_>) -> Result<Found> {
        if self.has_blob(upload.digest).await? {
            return Ok(Found::Placed(Placed::Existed));
        }
        let digest = upload.digest;
        let sources = upload.sources.iter().filter(|source| **source != self.path);
        for source in sources.take(3) {
            let query = format!("{}/blobs/uploads/?mount={digest}&from={source}", self.path);
            let scope = format!("{} repository:{source}:pull", self.scope);
            let ask = Ask::new(Method::POST, self.http.url(&query), &scope);
            let Ok(response) = self.http.send(&ask).await else { continue };
            match response.status() {
                StatusCode::CREATED => {
                    return Ok(Found::Placed(Placed::Mounted(source.clone())));
                }
                StatusCode::ACCEPTED => return Ok(Found::Begun(self.location(&response)?)),
                // Not allowed to look there, most likely.
                _ => {}
            }
        }
        Ok(Found::Nowhere)
    }

    /// In one request. After a failure nobody knows what arrived, so the next attempt begins anew.
    async fn upload_whole(
        &self,
        upload: &Upload<'_>,
        address: Url,
        sent: &Arc<dyn Sent>,
    ) -> Result<()> {
        let mut address = Some(address);
        let mut failures = 0;
        loop {
            let target = match address.take() {
                Some(address) => address,
                None => self.begin_upload().await?,
            };
            match self.finish_upload(upload, target, 0, sent).await {
                Err(error) if failures < RESUMES && error.kind() != Kind::Unauthorized => {
                    failures += 1;
                    tokio::time::sleep(self.http.settings().first_wait * 2u32.pow(failures as u32))
                        .await;
                }
                other => return other,
            }
        }
    }

    async fn begin_upload(&self) -> Result<Url> {
        let url = self.http.url(&format!("{}/blobs/uploads/", self.path));
        let response = self.http.send(&Ask::new(Method::POST, url, &self.scope)).await?;
        match response.status() {
            StatusCode::ACCEPTED => self.location(&response),
            _ => Err(refusal(response, "cannot begin an upload").await),
        }
    }

    /// Sends all pieces but the last, then the last one with the digest.
    async fn upload_in_pieces(
        &self,
        upload: &Upload<'_>,
        mut address: Url,
        sent: &Arc<dyn Sent>,
    ) -> Result<()> {
        let piece = self.http.settings().upload_piece;
        let (mut done, mut resumes) = (0, 0);
        while upload.size - done > piece {
            match self.send_piece(upload, &address, done, piece, sent).await {
                Ok(next) => {
                    address = next;
                    done += piece;
                }
                Err(error) if resumes == RESUMES || error.kind() == Kind::Unauthorized => {
                    return Err(error);
                }
                Err(_) => {
                    // How far it got, the registry knows.
                    resumes += 1;
                    (address, done) = self.upload_state(&address).await?;
                }
            }
        }
        self.finish_upload(upload, address, done, sent).await
    }

    async fn send_piece(
        &self,
        upload: &Upload<'_>,
        address: &Url,
        offset: u64,
        length: u64,
        sent: &Arc<dyn Sent>,
    ) -> Result<Url> {
        let mut ask = Ask::new(Method::PATCH, address.clone(), &self.scope);
        let range = format!("{offset}-{}", offset + length - 1);
        let range = range.parse().map_err(std::io::Error::other);
        ask.headers.insert(CONTENT_RANGE, range.context(|| "bad range".to_owned())?);
        ask.content = part(upload, offset, length, sent);
        // Not repeated as it is: part of it may have arrived.
        ask.attempts = Some(1);
        let response = success(self.http.send(&ask).await?, "cannot upload a layer").await?;
        self.location(&response)
    }

    /// Where a broken upload goes on.
    async fn upload_state(&self, address: &Url) -> Result<(Url, u64)> {
        let ask = Ask::new(Method::GET, address.clone(), &self.scope);
        let response = success(self.http.send(&ask).await?, "cannot resume an upload").await?;
        let next = self.location(&response).unwrap_or_else(|_| address.clone());
        let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok());
        let last = range.and_then(|range| {
            range.trim_start_matches("bytes=").split('-').nth(1)?.parse::<u64>().ok()
        });
        // `0-0` means nothing for some registries and one byte for others; one byte again is safe
        // for neither, so such an upload begins anew at its address.
        Ok((next, last.filter(|last| *last > 0).map_or(0, |last| last + 1)))
    }

    /// Sends what is left, and says what the whole is.
    async fn finish_upload(
        &self,
        upload: &Upload<'_>,
        mut address: Url,
        offset: u64,
        sent: &Arc<dyn Sent>,
    ) -> Result<()> {
        address.query_pairs_mut().append_pair("digest", &upload.digest.to_string());
        let mut ask = Ask::new(Method::PUT, address, &self.scope);
        ask.content = part(upload, offset, upload.size - offset, sent);
        ask.attempts = Some(1);
        let response = self.http.send(&ask).await?;
        success(response, &format!("cannot upload layer {}", upload.digest.short())).await?;
        Ok(())
    }

    /// Where the registry wants the next request. It may be another host, which then sees no
    /// credentials.
    fn location(&self, response: &Response) -> Result<Url> {
        let text = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let url = text.and_then(|text| response.url().join(text).ok());
        let url =
            url.filter(|url| url.scheme() == "https" || self.http.settings().may_be_plain(url));
        url.ok_or_else(|| Error::other(format!("{} says not where to upload to", self.place())))
    }
}

fn part(upload: &Upload<'_>, offset: u64, length: u64, sent: &Arc<dyn Sent>) -> Content {
    let (path, sent) = (upload.file.to_owned(), Arc::clone(sent));
    Content::Part { path, offset, length, sent }
}
