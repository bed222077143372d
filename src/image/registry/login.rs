//! Trying out credentials.

use std::sync::Arc;

use reqwest::{Method, Url};

use crate::base::{Error, Kind, Result};

use super::credentials::Credentials;
use super::http::{Ask, Http};
use super::{PINGS, Settings, success};

/// Sees whether the registry `server`, as in `docker.io` or `registry.example.com:5000`, takes
/// these credentials.
///
/// # Errors
/// [`Kind::Unauthorized`] if it does not; others if it cannot be reached.
pub async fn login(
    settings: &Arc<Settings>,
    server: &str,
    credentials: &Credentials,
) -> Result<()> {
    let host = match server {
        "docker.io" => "registry-1.docker.io",
        other => other,
    };
    let address = |scheme: &str| {
        Url::parse(&format!("{scheme}://{host}")).map_err(|_| {
            Error::new(Kind::Invalid, format!("`{host}` is not the address of a registry"))
        })
    };
    let plain = address("http")?;
    let may_be_plain = settings.may_be_plain(&plain);
    let pings = if may_be_plain { 1 } else { PINGS };
    match try_at(settings, address("https")?, credentials, pings).await {
        // No TLS there at all, and none is needed. One that we distrust is another matter.
        Err(error)
            if may_be_plain && error.kind() != Kind::Unauthorized && error.hints().is_empty() =>
        {
            try_at(settings, plain, credentials, PINGS).await
        }
        other => other,
    }
}

async fn try_at(
    settings: &Arc<Settings>,
    base: Url,
    credentials: &Credentials,
    pings: u32,
) -> Result<()> {
    let http = Http::new(settings, base, Some(credentials.clone()))?;
    let mut ping = Ask::new(Method::GET, http.url(""), "");
    ping.attempts = Some(pings);
    success(http.send(&ping).await?, "login failed").await.map(drop)
}
