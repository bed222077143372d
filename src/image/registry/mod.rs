//! The registry client: the OCI distribution protocol, and Docker's dialect of it.
//!
//! Asynchronous. Bytes are handed on before they are verified, so whoever gets them must verify
//! them before anyone sees them; manifests come verified. Credentials go to the registry's own
//! origin and its token server, never along a redirect.

mod blob;
mod challenge;
pub mod credentials;
mod dns;
mod http;
mod keep;
mod login;
mod offer;
mod refusal;
mod retry;
mod search;
pub mod settings;
mod tls;
mod token;
mod upload;
mod web;

use std::sync::Arc;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, Url};

use crate::base::{Digest, Error, Kind, Result};

use super::manifest::{MAX_DOCUMENT, media};
use super::{Reference, hash};

pub use blob::BlobSink;
pub use http::Sent;
pub use keep::{Kept, forget, keep};
pub use login::login;
pub use search::{Found, search};
pub use settings::Settings;
pub use upload::{Placed, Upload};
pub use web::download;

use http::{Ask, Http};
use refusal::refusal;

/// What we want to do in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

/// One repository of one registry, or of its mirror.
#[derive(Debug)]
pub struct Registry {
    http: Http,
    path: String,
    scope: String,
}

/// A manifest or index as the registry has it, verified against its digest.
#[derive(Clone, Debug)]
pub struct FetchedManifest {
    /// The document.
    pub bytes: Vec<u8>,
    /// What the registry says it is; `None`: it does not say.
    pub media_type: Option<String>,
    /// Its digest.
    pub digest: Digest,
}

impl Registry {
    /// Connects for pulling, and fetches the manifest that `reference` names: from the first of
    /// the registry's mirrors that has it, or else from the registry itself.
    ///
    /// # Errors
    /// The last one's error: [`Kind::NotFound`] when it does not have the image,
    /// [`Kind::Unauthorized`] when it does not let us see it.
    pub async fn find(
        settings: &Arc<Settings>,
        reference: &Reference,
    ) -> Result<(Registry, FetchedManifest)> {
        let mirrors = settings.mirrors.get(reference.registry());
        let mut mirror_failure = None;
        for mirror in mirrors.into_iter().flatten() {
            let tried = async {
                let registry =
                    Registry::open(settings, mirror.clone(), reference, Access::Pull, PINGS)
                        .await?;
                let manifest = registry.manifest_of(reference).await?;
                Ok((registry, manifest))
            };
            match tried.await {
                Ok(found) => return Ok(found),
                Err(error) => mirror_failure = Some(error),
            }
        }
        let own = async {
            let registry = Registry::connect(settings, reference, Access::Pull).await?;
            let manifest = registry.manifest_of(reference).await?;
            Ok((registry, manifest))
        };
        own.await.map_err(|error: Error| match mirror_failure {
            // Behind a mirror, the registry itself is often out of reach: the mirror's answer is
            // what the user can do something about.
            Some(failure) if error.kind() != Kind::NotFound => failure,
            _ => error,
        })
    }

    /// Connects to the registry itself.
    ///
    /// # Errors
    /// It cannot be reached, or its certificate is not trusted.
    pub async fn connect(
        settings: &Arc<Settings>,
        reference: &Reference,
        access: Access,
    ) -> Result<Registry> {
        let host = match reference.registry() {
            "docker.io" => "registry-1.docker.io",
            other => other,
        };
        let address = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}")).map_err(|_| {
                Error::new(Kind::Invalid, format!("`{host}` is not the address of a registry"))
            })
        };
        let plain = address("http")?;
        // Where plain HTTP is allowed, the first failure of TLS is enough to try it.
        let pings = if settings.may_be_plain(&plain) { 1 } else { PINGS };
        let secure = Registry::open(settings, address("https")?, reference, access, pings).await;
        match secure {
            // No TLS there at all, and none is needed. One that we distrust is another matter.
            Err(error) if settings.may_be_plain(&plain) && error.hints().is_empty() => {
                Registry::open(settings, plain, reference, access, PINGS).await
            }
            other => other,
        }
    }

    /// Connects to one address and sees that something answers there.
    async fn open(
        settings: &Arc<Settings>,
        base: Url,
        reference: &Reference,
        access: Access,
        pings: u32,
    ) -> Result<Registry> {
        let home = base.host_str() == Some("registry-1.docker.io");
        let name = if home { "docker.io".to_owned() } else { http::host_with_port(&base) };
        let dir = settings.docker.clone();
        let credentials = blocking(move || credentials::find(&dir, &name)).await?;
        let http = Http::new(settings, base, credentials)?;
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", reference.path());
        let registry = Registry { http, path: reference.path().to_owned(), scope };
        let mut ping = Ask::new(Method::GET, registry.http.url(""), &registry.scope);
        ping.attempts = Some(pings);
        registry.http.send(&ping).await?;
        Ok(registry)
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        http::place(self.http.base())
    }

    /// The manifest a reference names.
    async fn manifest_of(&self, reference: &Reference) -> Result<FetchedManifest> {
        let latest = reference.clone().or_latest();
        let fetched = match reference.digest() {
            Some(digest) => self.manifest(&digest.to_string(), Some(digest)).await,
            None => self.manifest(latest.tag().unwrap_or_default(), None).await,
        };
        fetched.map_err(|error| explain(error, &latest))
    }

    /// The manifest or index with this tag or digest. `pinned` is what its digest must be.
    ///
    /// # Errors
    /// There is none; it is larger than 4 MiB; it is not what was pinned or promised.
    pub async fn manifest(&self, name: &str, pinned: Option<&Digest>) -> Result<FetchedManifest> {
        let url = self.http.url(&format!("{}/manifests/{name}", self.path));
        let mut ask = Ask::new(Method::GET, url, &self.scope);
        ask.accept = media::ACCEPTED.join(", ");
        let response = success(self.http.send(&ask).await?, "cannot get the manifest").await?;
        let promised = header(&response, "docker-content-digest");
        let media_type = header(&response, CONTENT_TYPE.as_str());
        let bytes = read_small(response).await?;
        let digest = hash::sha256(&bytes);
        let promised = promised.filter(|promised| promised.starts_with("sha256:"));
        let wrong = |wanted: &str| {
            let message = format!("the registry sent another manifest ({digest}) than {wanted}");
            Error::new(Kind::Invalid, message)
        };
        match (pinned, promised) {
            (Some(pinned), _) if *pinned != digest => Err(wrong(&pinned.to_string())),
            (None, Some(promised)) if promised != digest.to_string() => Err(wrong(&promised)),
            _ => Ok(FetchedManifest { bytes, media_type, digest }),
        }
    }

    /// A small blob, verified.
    ///
    /// # Errors
    /// It is missing, larger than 4 MiB, or not what its digest says.
    pub async fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>> {
        let url = self.http.url(&format!("{}/blobs/{digest}", self.path));
        let ask = Ask::new(Method::GET, url, &self.scope);
        let response = success(self.http.send(&ask).await?, "cannot get the configuration").await?;
        let bytes = read_small(response).await?;
        match bytes.len() as u64 == size && hash::sha256(&bytes) == *digest {
            true => Ok(bytes),
            false => {
                let message = format!("the registry sent something else than blob {digest}");
                Err(Error::new(Kind::Invalid, message))
            }
        }
    }

    /// All tags of the repository, in the registry's order.
    ///
    /// # Errors
    /// The repository does not exist, or its pages go round in a circle.
    pub async fn tags(&self) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let mut tags = Vec::new();
        let mut url = self.http.url(&format!("{}/tags/list?n=1000", self.path));
        for _ in 0..MAX_PAGES {
            let ask = Ask::new(Method::GET, url.clone(), &self.scope);
            let response = success(self.http.send(&ask).await?, "cannot list the tags").await?;
            let next = header(&response, "link").and_then(|link| next_page(&url, &link));
            let bytes = read_small(response).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|error| {
                Error::other("the registry's list of tags cannot be read").with_source(error)
            })?;
            tags.extend(page.tags.unwrap_or_default());
            if tags.len() > MAX_TAGS {
                break;
            }
            match next {
                // The next page lies at the same registry, or we would show it who we are.
                Some(next) if next.origin() == url.origin() && next != url => url = next,
                _ => return Ok(tags),
            }
        }
        Err(Error::other("the registry's list of tags does not end"))
    }
}

/// All tags of `reference`'s repository: as the first of the registry's mirrors that has it knows
/// them, or else the registry itself.
///
/// # Errors
/// As [`Registry::find`].
pub async fn tags(settings: &Arc<Settings>, reference: &Reference) -> Result<Vec<String>> {
    for mirror in settings.mirrors.get(reference.registry()).into_iter().flatten() {
        let mirror = Registry::open(settings, mirror.clone(), reference, Access::Pull, PINGS);
        if let Ok(mirror) = mirror.await
            && let Ok(tags) = mirror.tags().await
        {
            return Ok(tags);
        }
    }
    let own = async { Registry::connect(settings, reference, Access::Pull).await?.tags().await };
    own.await.map_err(|error| explain(error, reference))
}

/// How often a registry is asked whether it is there: a user waits for it.
const PINGS: u32 = 2;

/// More tags than any repository has; pages of 4 MiB would fill our memory.
const MAX_TAGS: usize = 1_000_000;

/// Most pages of a list of tags.
const MAX_PAGES: usize = 1000;

/// `<address>; rel="next"` (RFC 8288).
fn next_page(from: &Url, link: &str) -> Option<Url> {
    let (address, parameters) = link.strip_prefix('<')?.split_once('>')?;
    parameters.contains("rel=\"next\"").then(|| from.join(address).ok())?
}

/// Says what a refusal means for the image.
fn explain(error: Error, reference: &Reference) -> Error {
    let name = reference.familiar();
    match error.kind() {
        Kind::NotFound => {
            Error::new(Kind::NotFound, format!("manifest for {name} not found")).with_source(error)
        }
        Kind::Unauthorized => {
            let message = format!(
                "pull access denied for {}, repository does not exist or may require a login",
                reference.familiar_name()
            );
            Error::new(Kind::Unauthorized, message).with_source(error)
        }
        kind => Error::new(kind, format!("cannot pull {name}")).with_source(error),
    }
}

async fn success(response: Response, what: &str) -> Result<Response> {
    match response.status().is_success() {
        true => Ok(response),
        false => Err(refusal(response, what).await),
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// A document of at most 4 MiB.
async fn read_small(mut response: Response) -> Result<Vec<u8>> {
    let place = http::place(response.url());
    let mut bytes = Vec::new();
    loop {
        let piece = response.chunk().await.map_err(|error| {
            Error::other(format!("{place} stopped in the middle of a document"))
                .with_source(error.without_url())
        })?;
        let Some(piece) = piece else { return Ok(bytes) };
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(Error::new(
                Kind::Invalid,
                format!("{place} sends a document larger than 4 MiB"),
            ));
        }
    }
}

/// Runs what blocks on a thread made for it.
pub(in crate::image) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::other("a thread ended early").with_source(error)),
    }
}
