//! Uploads: skipped where the registry has the blob, mounted where another repository has it,
//! in one piece where it is small, and in several that can be repeated where not.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::{CONTENT_RANGE, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode, Url};

use crate::base::{Context, Digest, Error, Result};

use super::http::{Ask, Content, Sent};
use super::refusal::{refusal, refused};
use super::retry::{Attempts, Failure};
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

/// An upload that began.
#[derive(Debug)]
struct Begun {
    address: Url,
    /// Bytes that the registry has.
    done: u64,
}

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
                Found::Begun(address) => Some(Begun { address, done: 0 }),
                Found::Nowhere => None,
            },
        };
        self.upload(upload, begun, sent).await?;
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

    /// Sends it. After a failure it goes on where the registry says that it got to.
    async fn upload(
        &self,
        upload: &Upload<'_>,
        mut begun: Option<Begun>,
        sent: &Arc<dyn Sent>,
    ) -> Result<()> {
        let mut attempts = Attempts::new(self.http.settings());
        let mut reached = 0;
        loop {
            let mut current = match begun.take() {
                Some(begun) => begun,
                None => Begun { address: self.begin_upload().await?, done: 0 },
            };
            let failure = match self.send_rest(upload, &mut current, sent).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if current.done > reached {
                reached = current.done;
                attempts.renew();
            }
            attempts.after(failure).await?;
            // What is sent in one request begins anew: nobody knows what arrived.
            if upload.size > self.http.settings().upload_piece {
                begun = self.upload_state(&current.address, upload.size).await?;
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
    async fn send_rest(
        &self,
        upload: &Upload<'_>,
        begun: &mut Begun,
        sent: &Arc<dyn Sent>,
    ) -> Result<(), Failure> {
        let piece = self.http.settings().upload_piece;
        while upload.size - begun.done > piece {
            begun.address = self.send_piece(upload, begun, piece, sent).await?;
            begun.done += piece;
        }
        let mut address = begun.address.clone();
        address.query_pairs_mut().append_pair("digest", &upload.digest.to_string());
        let mut ask = Ask::new(Method::PUT, address, &self.scope);
        ask.content = part(upload, begun.done, upload.size - begun.done, sent);
        let response = self.http.attempt(&ask).await?;
        taken(response, &format!("cannot upload layer {}", upload.digest.short())).await.map(drop)
    }

    async fn send_piece(
        &self,
        upload: &Upload<'_>,
        begun: &Begun,
        length: u64,
        sent: &Arc<dyn Sent>,
    ) -> Result<Url, Failure> {
        let mut ask = Ask::new(Method::PATCH, begun.address.clone(), &self.scope);
        let range = format!("{}-{}", begun.done, begun.done + length - 1);
        let range = range.parse().map_err(std::io::Error::other);
        let range = range.context(|| "bad range".to_owned()).map_err(Failure::Final)?;
        ask.headers.insert(CONTENT_RANGE, range);
        ask.content = part(upload, begun.done, length, sent);
        let response = taken(self.http.attempt(&ask).await?, "cannot upload a layer").await?;
        self.location(&response).map_err(Failure::Final)
    }

    /// Where a broken upload of `size` bytes goes on; `None`: the registry has nothing of it.
    async fn upload_state(&self, address: &Url, size: u64) -> Result<Option<Begun>> {
        let ask = Ask::new(Method::GET, address.clone(), &self.scope);
        let response = self.http.send(&ask).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = success(response, "cannot resume an upload").await?;
        let address = self.location(&response).unwrap_or_else(|_| address.clone());
        let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok());
        let last = range.and_then(|range| {
            range.trim_start_matches("bytes=").split('-').nth(1)?.parse::<u64>().ok()
        });
        // `0-0` means nothing for some registries and one byte for others.
        let last = last.filter(|last| (1..size).contains(last));
        Ok(last.map(|last| Begun { address, done: last + 1 }))
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

/// An answer to an upload, which may be sent again if something happened to it on the way.
async fn taken(response: Response, what: &str) -> Result<Response, Failure> {
    if response.status().is_success() {
        return Ok(response);
    }
    let refusal = refused(response, what).await;
    Err(match refusal.lost_an_upload() {
        true => Failure::Transient(refusal.error, None),
        false => Failure::Final(refusal.error),
    })
}

fn part(upload: &Upload<'_>, offset: u64, length: u64, sent: &Arc<dyn Sent>) -> Content {
    let (path, sent) = (upload.file.to_owned(), Arc::clone(sent));
    Content::Part { path, offset, length, sent }
}
