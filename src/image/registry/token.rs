//! Who we say we are: nobody, a user with a password, or the holder of a token.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::base::{Error, Kind, Result};

use super::challenge::Challenge;
use super::credentials::Credentials;
use super::http::{Http, connection_failed, place};
use super::refusal::refusal;
use super::retry::{Failure, settled};

/// Largest answer of a token server.
const MAX_ANSWER: usize = 1 << 20;

/// Tokens that do not say how long they live do so this long (distribution: token authentication).
const DEFAULT_LIFE: u64 = 60;

/// No token is used for longer than a day, whatever its server says.
const MAX_LIFE: u64 = 24 * 60 * 60;

/// A token is not used in its last seconds: it could run out on the way.
const MARGIN: Duration = Duration::from_secs(10);

/// The user at one registry.
pub struct Identity {
    credentials: Option<Credentials>,
    state: Mutex<State>,
}

/// What the registry was shown last.
#[derive(Default)]
struct State {
    /// The registry wants a password with each request.
    basic: bool,
    /// Tokens by what they allow.
    tokens: BTreeMap<String, (String, Instant)>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.credentials)
    }
}

impl Identity {
    /// With these credentials; `None`: anonymous.
    pub fn new(credentials: Option<Credentials>) -> Identity {
        Identity { credentials, state: Mutex::default() }
    }

    /// The `Authorization` header for a request that needs `scope`, if we know one.
    pub async fn header(&self, scope: &str) -> Option<String> {
        let state = self.state.lock().await;
        match &self.credentials {
            Some(Credentials::Registry(token)) => return Some(format!("Bearer {token}")),
            Some(Credentials::Password { user, password }) if state.basic => {
                return Some(basic(user, password));
            }
            _ => {}
        }
        let (token, until) = state.tokens.get(scope)?;
        (*until > Instant::now()).then(|| format!("Bearer {token}"))
    }

    /// What it means that the registry refuses what [`Identity::header`] shows it.
    pub async fn refused(&self) -> &'static str {
        match self.state.lock().await.basic {
            true => "incorrect username or password",
            false => "access was refused",
        }
    }

    /// Does what a 401 asks for, so that [`Identity::header`] has a better answer.
    ///
    /// # Errors
    /// We have nothing to show, or the token server refuses.
    pub async fn answer(
        &self,
        client: &Client,
        http: &Http,
        challenges: &[Challenge],
        scope: &str,
    ) -> Result<(), Failure> {
        // One at a time: the others find the token that the first one got.
        let mut state = self.state.lock().await;
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service, scope: wanted, .. } => {
                Some((realm, service, wanted))
            }
            Challenge::Basic => None,
        });
        if let Some((realm, service, wanted)) = bearer {
            let scopes = joined(scope, wanted);
            let (token, life) = self.fetch(client, http, realm, service, &scopes).await?;
            state.tokens.insert(scope.to_owned(), (token, Instant::now() + life));
            return Ok(());
        }
        let has_password = matches!(self.credentials, Some(Credentials::Password { .. }));
        if challenges.contains(&Challenge::Basic) && has_password && !state.basic {
            state.basic = true;
            return Ok(());
        }
        let place = place(http.base());
        Err(Failure::Final(match self.credentials {
            None => Error::new(Kind::Unauthorized, format!("{place} wants a login"))
                .hint(format!("log in with `compose login{}`", argument(http.base()))),
            Some(_) => {
                Error::new(Kind::Unauthorized, format!("{place}: incorrect username or password"))
            }
        }))
    }

    /// Gets a token from its server.
    async fn fetch(
        &self,
        client: &Client,
        http: &Http,
        realm: &str,
        service: &str,
        scopes: &[String],
    ) -> Result<(String, Duration), Failure> {
        let realm = Url::parse(realm).map_err(|_| {
            let message = format!("the registry names `{realm}` as token server");
            Failure::Final(Error::other(message))
        })?;
        self.check_realm(http, &realm).map_err(Failure::Final)?;
        let mut query = realm.clone();
        let identity = match &self.credentials {
            Some(Credentials::Identity(token)) => Some(token),
            _ => None,
        };
        let request = match identity {
            // OAuth 2 (distribution: spec/auth/oauth.md).
            Some(token) => {
                query
                    .query_pairs_mut()
                    .clear()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("refresh_token", token)
                    .append_pair("service", service)
                    .append_pair("client_id", "compose")
                    .append_pair("scope", &scopes.join(" "));
                let form = query.query().unwrap_or_default().to_owned();
                client
                    .post(realm.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form)
            }
            None => {
                let mut pairs = query.query_pairs_mut();
                if !service.is_empty() {
                    pairs.append_pair("service", service);
                }
                for scope in scopes {
                    pairs.append_pair("scope", scope);
                }
                drop(pairs);
                let request = client.get(query.clone());
                match &self.credentials {
                    Some(Credentials::Password { user, password }) => {
                        request.header(AUTHORIZATION, basic(user, password))
                    }
                    _ => request,
                }
            }
        };
        let response = request.send().await.map_err(|error| connection_failed(&realm, &error))?;
        let response = settled(response, "the token server").await?;
        if !response.status().is_success() {
            return Err(Failure::Final(refusal(response, "cannot get a token").await));
        }
        read_token(response).await.map_err(Failure::Final)
    }

    /// Passwords go to a token server with TLS that belongs to the registry: the same host, or one
    /// of the same domain (CVE-2020-15157, CVE-2026-33540). Without them there is less to lose.
    fn check_realm(&self, http: &Http, realm: &Url) -> Result<()> {
        let refuse = |why: &str| {
            let message =
                format!("{} sends us for a token to {}, {why}", place(http.base()), place(realm));
            Err(Error::new(Kind::Unauthorized, message))
        };
        let plain = realm.scheme() == "http"
            && http.base().scheme() == "http"
            && http.settings().may_be_plain(realm);
        if realm.scheme() != "https" && !plain {
            return refuse("which has no TLS");
        }
        let (home, other) = (http.base().host_str(), realm.host_str());
        let related = match (home, other) {
            (Some(home), Some(other)) => home == other || (!plain && domain(home) == domain(other)),
            _ => false,
        };
        match self.credentials.is_none() || related {
            true => Ok(()),
            false => refuse("which is not its own"),
        }
    }
}

async fn read_token(mut response: reqwest::Response) -> Result<(String, Duration)> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<u64>,
    }
    let place = place(response.url());
    let broken = || Error::other(format!("the token server {place} gives no token"));
    let mut body = Vec::new();
    while let Some(piece) =
        response.chunk().await.map_err(|error| broken().with_source(error.without_url()))?
    {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER {
            return Err(broken());
        }
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|error| broken().with_source(error))?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
    // A header is one line.
    let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    // By our clock, not by `issued_at`: the server's may be wrong.
    let life = Duration::from_secs(
        answer.expires_in.unwrap_or(DEFAULT_LIFE).clamp(DEFAULT_LIFE, MAX_LIFE),
    );
    Ok((token.ok_or_else(broken)?, life - MARGIN))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// What we need and what the registry names, each once.
fn joined(ours: &str, theirs: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in ours.split(' ').chain(theirs.split(' ')).filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// The part of a host name that one owner has: the last two labels, or three below the common
/// second levels such as `co.uk`.
fn domain(host: &str) -> String {
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return host.to_owned();
    }
    let labels: Vec<&str> = host.split('.').collect();
    let shared = |label: &str| ["co", "com", "net", "org", "ac", "gov", "edu"].contains(&label);
    let keep = match labels.as_slice() {
        [.., second, top] if top.len() == 2 && shared(second) => 3,
        _ => 2,
    };
    labels[labels.len().saturating_sub(keep)..].join(".")
}

/// A registry as `login` takes it: none for Docker Hub.
fn argument(base: &Url) -> String {
    match (base.host_str(), base.port()) {
        (Some(host), _) if host.ends_with("docker.io") => String::new(),
        (Some(host), Some(port)) => format!(" {host}:{port}"),
        (host, _) => host.map(|host| format!(" {host}")).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_one_owner() {
        for (host, expected) in [
            ("registry-1.docker.io", "docker.io"),
            ("auth.docker.io", "docker.io"),
            ("reg.example.co.uk", "example.co.uk"),
            ("localhost", "localhost"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(domain(host), expected);
        }
    }

    #[test]
    fn scopes_are_asked_for_once() {
        assert_eq!(joined("repository:a:pull", "repository:a:pull x"), ["repository:a:pull", "x"]);
    }
}
