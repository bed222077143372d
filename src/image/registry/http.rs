//! Requests to one registry: identified, redirected, tried again, and answered or refused clearly.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION,
    WWW_AUTHENTICATE,
};
use reqwest::{Body, Client, Method, Response, StatusCode, Url};

use crate::base::{Error, Kind, Result, io_text};

use super::challenge;
use super::credentials::Credentials;
use super::dns::Resolver;
use super::refusal::refusal;
use super::retry::{Attempts, Failure, settled};
use super::settings::Settings;
use super::tls;
use super::token::Identity;

/// Longest chain of redirects (RFC 9110 leaves it to us; Go's client stops here as well).
const MAX_REDIRECTS: usize = 10;

/// Who is asked, for messages.
const REGISTRY: &str = "the registry";

/// Connecting takes no longer, where it works at all.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// One registry as we speak to it.
#[derive(Debug)]
pub struct Http {
    client: Client,
    settings: Arc<Settings>,
    /// Address with the path, if any, that comes before `/v2/`.
    base: Url,
    identity: Identity,
}

/// What to ask.
#[derive(Clone, Debug)]
pub struct Ask {
    /// HTTP method.
    pub method: Method,
    /// Address.
    pub url: Url,
    /// Media types that fit, joined by commas; empty: any.
    pub accept: String,
    /// Further headers.
    pub headers: HeaderMap,
    /// What is sent along.
    pub content: Content,
    /// What a token must allow, as in `repository:a/b:pull`; several separated by spaces.
    pub scope: String,
    /// `None`: as often as the settings say.
    pub attempts: Option<u32>,
}

/// A body that can be sent again.
#[derive(Clone, Debug, Default)]
pub enum Content {
    /// None.
    #[default]
    Empty,
    /// These bytes of a media type; empty type: not said.
    Bytes(Vec<u8>, String),
    /// A part of a file.
    Part {
        /// The file.
        path: PathBuf,
        /// Where the part begins.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// Told how many bytes more were sent.
        sent: Arc<dyn Sent>,
    },
}

/// Listens to an upload.
pub trait Sent: Send + Sync + std::fmt::Debug {
    /// So many bytes went out.
    fn sent(&self, count: u64);
}

impl Ask {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: Url, scope: &str) -> Ask {
        Ask {
            method,
            url,
            accept: String::new(),
            headers: HeaderMap::new(),
            content: Content::Empty,
            scope: scope.to_owned(),
            attempts: None,
        }
    }
}

impl Http {
    /// For the registry at `base`. Nothing is sent yet.
    ///
    /// # Errors
    /// A certificate of the user's cannot be read.
    pub fn new(
        settings: &Arc<Settings>,
        base: Url,
        credentials: Option<Credentials>,
    ) -> Result<Http> {
        let host = host_with_port(&base);
        let mut builder = Client::builder()
            .user_agent(concat!("compose/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Resolver))
            .connect_timeout(CONNECT_PATIENCE)
            .read_timeout(settings.stall)
            // Layers on connections of their own: one slow stream does not hold up the others.
            .http1_only()
            .tls_backend_preconfigured(tls::config(settings, &host)?);
        if super::settings::is_loopback(base.host_str().unwrap_or_default()) {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| Error::other("cannot set up the HTTP client").with_source(error))?;
        Ok(Http {
            client,
            settings: Arc::clone(settings),
            base,
            identity: Identity::new(credentials),
        })
    }

    /// The registry's address.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// How it is spoken to.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The address of `path` below `/v2/`.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        url.set_path(&format!("{prefix}/v2/{path}"));
        url.set_query(query);
        url
    }

    /// Whether `url` is at the registry itself, and may see who the user is.
    fn is_home(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Sends a request until there is an answer that trying again would not change: success, or
    /// any other status but 401, 408, 429 and 5xx.
    ///
    /// # Errors
    /// The registry cannot be reached, stays busy, wants other credentials, or redirects to where
    /// we do not go.
    pub async fn send(&self, ask: &Ask) -> Result<Response> {
        let count = ask.attempts.unwrap_or(self.settings.attempts);
        let mut attempts = Attempts::at_most(count, &self.settings);
        loop {
            match self.attempt(ask).await {
                Ok(response) => return Ok(response),
                Err(failure) => attempts.after(failure).await?,
            }
        }
    }

    /// Sends a request once, or once more with the credentials that the registry wants.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn attempt(&self, ask: &Ask) -> Result<Response, Failure> {
        let response = self.follow(ask).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return settled(response, REGISTRY).await;
        }
        // A token may also have run out on the way.
        let (challenges, scope) = (challenges(&response), &ask.scope);
        self.identity.answer(&self.client, self, &challenges, scope).await?;
        let again = self.follow(ask).await?;
        if again.status() == StatusCode::UNAUTHORIZED {
            let what = self.identity.refused().await;
            return Err(Failure::Final(refusal(again, what).await));
        }
        settled(again, REGISTRY).await
    }

    /// Sends once, and goes where the answer points to.
    async fn follow(&self, ask: &Ask) -> Result<Response, Failure> {
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(ask, &url).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            url = self.next_hop(ask, &url, &response).map_err(Failure::Final)?;
        }
        let message = format!("{} redirects in a circle", place(&ask.url));
        Err(Failure::Final(Error::other(message)))
    }

    /// Where a redirect may lead: never from TLS to plain HTTP, and to plain HTTP only where the
    /// user allows it.
    fn next_hop(&self, ask: &Ask, from: &Url, response: &Response) -> Result<Url> {
        let wrong = |why: &str| Error::other(format!("{} {why}", place(from)));
        let keeps_method = matches!(response.status().as_u16(), 307 | 308);
        if !keeps_method && !matches!(ask.method, Method::GET | Method::HEAD) {
            return Err(wrong("redirects an upload in a way we cannot follow"));
        }
        let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let target = target.and_then(|target| from.join(target).ok());
        let target = target.ok_or_else(|| wrong("redirects to no address"))?;
        match target.scheme() {
            "https" => Ok(target),
            "http" if from.scheme() == "http" && self.settings.may_be_plain(&target) => Ok(target),
            "http" => Err(wrong(&format!("redirects to {} without TLS", place(&target)))),
            other => Err(wrong(&format!("redirects to an address of scheme {other}"))),
        }
    }

    async fn once(&self, ask: &Ask, url: &Url) -> Result<Response, Failure> {
        let mut request = self
            .client
            .request(ask.method.clone(), url.clone())
            .headers(ask.headers.clone())
            // Layers must arrive as they are.
            .header(ACCEPT_ENCODING, "identity");
        if !ask.accept.is_empty() {
            request = request.header(ACCEPT, &ask.accept);
        }
        if self.is_home(url)
            && let Some(value) = self.identity.header(&ask.scope).await
        {
            request = request.header(AUTHORIZATION, value);
        }
        let request = match &ask.content {
            Content::Empty if ask.method == Method::POST => request.header(CONTENT_LENGTH, 0),
            Content::Empty => request,
            Content::Bytes(bytes, media_type) if media_type.is_empty() => {
                request.body(bytes.clone())
            }
            Content::Bytes(bytes, media_type) => {
                request.header(CONTENT_TYPE, media_type).body(bytes.clone())
            }
            Content::Part { path, offset, length, sent } => request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, *length)
                .body(file_body(path.clone(), *offset, *length, Arc::clone(sent))),
        };
        request.send().await.map_err(|error| connection_failed(url, &error))
    }
}

/// A file's part as a body that is read as it is sent.
fn file_body(path: PathBuf, offset: u64, length: u64, sent: Arc<dyn Sent>) -> Body {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    const PIECE: usize = 256 << 10;
    let start = async move {
        let mut file = tokio::fs::File::open(path).await?;
        file.seek(std::io::SeekFrom::Start(offset)).await?;
        Ok::<_, std::io::Error>(file.take(length))
    };
    let stream = futures_util::stream::once(start);
    let pieces = futures_util::TryStreamExt::map_ok(stream, move |file| {
        let sent = Arc::clone(&sent);
        futures_util::stream::try_unfold(file, move |mut file| {
            let sent = Arc::clone(&sent);
            async move {
                let mut piece = vec![0; PIECE];
                let count = file.read(&mut piece).await?;
                piece.truncate(count);
                sent.sent(count as u64);
                Ok::<_, std::io::Error>((count > 0).then_some((piece, file)))
            }
        })
    });
    Body::wrap_stream(futures_util::TryStreamExt::try_flatten(pieces))
}

/// The challenges of a 401.
pub(super) fn challenges(response: &Response) -> Vec<challenge::Challenge> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    challenge::parse(values.filter_map(|value| value.to_str().ok()))
}

/// A request that got no answer.
pub(super) fn connection_failed(url: &Url, error: &reqwest::Error) -> Failure {
    let kind = if error.is_timeout() { Kind::TimedOut } else { Kind::Other };
    let distrusted = causes(error)
        .any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))));
    // The address may hold a signature: only its host is shown.
    let failure = Error::new(kind, format!("cannot reach {}: {}", place(url), reason(error)));
    match distrusted {
        true => Failure::Final(failure.hint(format!(
            "put the registry's certificate authority into /etc/docker/certs.d/{}/ca.crt",
            host_with_port(url)
        ))),
        false => Failure::Transient(failure, None),
    }
}

/// What a failed request comes down to: the innermost cause. Those around it only say that a
/// client sent a request and wanted a connection.
pub(super) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let innermost = causes(error).last().unwrap_or(error);
    match innermost.downcast_ref() {
        Some(error) => io_text(error),
        None => innermost.to_string(),
    }
}

type Cause = dyn std::error::Error + 'static;

/// An error and its causes, from the outermost on.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &Cause> {
    std::iter::successors(Some(error as &Cause), |current| {
        // An `io::Error` hides what it was made of: its source is that one's source.
        match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => current.source(),
        }
    })
}

/// Host and port of an address, for messages.
#[must_use]
pub fn place(url: &Url) -> String {
    format!("{}://{}", url.scheme(), host_with_port(url))
}

/// `host` or `host:port`, as registries are named.
#[must_use]
pub fn host_with_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
