//! Answers that say no, as errors.

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::base::{Error, Kind};

use super::http::place;

/// Largest error document worth reading.
const MAX_ERROR_BODY: usize = 16 << 10;

/// An answer without success, as an error: its kind, and what the registry says.
pub async fn refusal(response: Response, what: &str) -> Error {
    manifest_refusal(response, what).await.1
}

/// An answer to a manifest that is no success: whether the registry misses one of its blobs, and
/// the error that it is.
pub async fn manifest_refusal(response: Response, what: &str) -> (bool, Error) {
    let (status, url) = (response.status(), response.url().clone());
    let said = said_by_registry(response).await;
    let lacks = status.is_client_error() && said.codes.iter().any(|code| LACKS.contains(&&**code));
    let reason = said.words.unwrap_or_else(|| format!("{} says {status}", place(&url)));
    (lacks, Error::new(kind(status), format!("{what}: {reason}")))
}

/// What registries say to a manifest where they lack, or only half have, a blob of it (OCI
/// distribution: error codes). The last one is what Docker's registry says while another push
/// writes the note that it has the blob: it reads an empty one.
const LACKS: [&str; 3] = ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "DIGEST_INVALID"];

fn kind(status: StatusCode) -> Kind {
    match status {
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Unauthorized,
        _ => Kind::Other,
    }
}

/// What an answer's body says.
#[derive(Default)]
struct Said {
    codes: Vec<String>,
    /// For people; `None`: nothing.
    words: Option<String>,
}

/// The registry's own words (OCI distribution: error codes).
async fn said_by_registry(mut response: Response) -> Said {
    #[derive(Deserialize)]
    struct Document {
        #[serde(default)]
        errors: Vec<Item>,
        #[serde(default)]
        details: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ERROR_BODY {
            return Said::default();
        }
    }
    let Ok(document) = serde_json::from_slice::<Document>(&body) else { return Said::default() };
    let words = document.errors.iter().map(|item| match item.message.is_empty() {
        true => item.code.clone(),
        false => item.message.clone(),
    });
    let words: Vec<String> = words.filter(|text| !text.is_empty()).collect();
    let text = match words.is_empty() {
        true => document.details.unwrap_or_default(),
        false => words.join(", "),
    };
    // It goes to a terminal: letters only.
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(300).collect();
    let codes = document.errors.into_iter().map(|item| item.code).collect();
    Said { codes, words: (!text.is_empty()).then_some(text) }
}
