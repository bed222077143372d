//! Searching for images: Docker Hub's way, or the catalog of a registry that has no other.

use std::sync::Arc;

use reqwest::Url;
use serde::Deserialize;

use crate::base::{Error, Kind, Result};

use super::settings::Settings;
use super::web;

/// Where Docker Hub answers.
const HUB: &str = "https://index.docker.io/";

/// A repository that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Its name, as users write it.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// How many people like it.
    #[serde(rename = "star_count")]
    pub stars: u64,
    /// Docker looks after it.
    #[serde(rename = "is_official")]
    pub official: bool,
}

/// Repositories with `term` in their name or description, at most `limit`. `term` may begin with a
/// registry: `registry.example.com/app`.
///
/// # Errors
/// [`Kind::Invalid`] for a registry that is none; it cannot be reached, or has no list.
pub async fn search(settings: &Arc<Settings>, term: &str, limit: usize) -> Result<Vec<Found>> {
    let (host, word) = match term.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("docker.io", term),
    };
    let mut failure = None;
    for base in places(settings, host)? {
        match ask(settings, &base, word, limit).await {
            Ok(mut found) => {
                found.truncate(limit);
                return Ok(found);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| Error::other(format!("cannot search {host}"))))
}

/// The registry's mirrors, and then the registry itself.
fn places(settings: &Settings, host: &str) -> Result<Vec<Url>> {
    let own = match host {
        "docker.io" => HUB.to_owned(),
        host if super::settings::is_loopback(host.split(':').next().unwrap_or(host)) => {
            format!("http://{host}/")
        }
        host => format!("https://{host}/"),
    };
    let own = own
        .parse()
        .map_err(|_| Error::new(Kind::Invalid, format!("`{host}` is not a registry")))?;
    let mirrors = settings.mirrors.get(host).into_iter().flatten().cloned();
    Ok(mirrors.chain([own]).collect())
}

async fn ask(settings: &Settings, base: &Url, word: &str, limit: usize) -> Result<Vec<Found>> {
    #[derive(Deserialize)]
    struct Answer {
        results: Vec<Found>,
    }
    let mut url = place(base, "v1/search")?;
    url.query_pairs_mut().append_pair("q", word).append_pair("n", &limit.to_string());
    match web::read(settings, &url).await {
        Ok(bytes) => {
            let answer: Answer = serde_json::from_slice(&bytes).map_err(unreadable)?;
            Ok(answer.results)
        }
        Err(error) if error.kind() == Kind::NotFound => catalog(settings, base, word).await,
        Err(error) => Err(error),
    }
}

/// What a registry without a search has, by name.
async fn catalog(settings: &Settings, base: &Url, word: &str) -> Result<Vec<Found>> {
    #[derive(Deserialize)]
    struct Answer {
        repositories: Vec<String>,
    }
    let mut url = place(base, "v2/_catalog")?;
    url.query_pairs_mut().append_pair("n", "1000");
    let bytes = web::read(settings, &url).await?;
    let answer: Answer = serde_json::from_slice(&bytes).map_err(unreadable)?;
    let fits = answer.repositories.into_iter().filter(|name| name.contains(word));
    let found = fits.map(|name| match name.strip_prefix("library/") {
        Some(short) => Found { name: short.to_owned(), official: true, ..Found::default() },
        None => Found { name, ..Found::default() },
    });
    Ok(found.collect())
}

fn place(base: &Url, path: &str) -> Result<Url> {
    base.join(path).map_err(|error| Error::other(format!("bad address {base}")).with_source(error))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::other("the registry's answer cannot be read").with_source(error)
}
