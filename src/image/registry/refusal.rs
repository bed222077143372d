//! Answers that say no, as errors.

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::base::{Error, Kind};

use super::http::place;

/// Largest error document worth reading.
const MAX_ERROR_BODY: usize = 16 << 10;

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    /// What the registry says, for people.
    pub error: Error,
    status: StatusCode,
    /// The same for programs (OCI distribution: error codes).
    codes: Vec<String>,
}

/// An answer without success, as an error: its kind, and what the registry says.
pub async fn refusal(response: Response, what: &str) -> Error {
    refused(response, what).await.error
}

/// An answer without success, for who can do something about it.
pub async fn refused(response: Response, what: &str) -> Refusal {
    let (status, url) = (response.status(), response.url().clone());
    let said = said_by_registry(response).await;
    let reason = said.words.unwrap_or_else(|| format!("{} says {status}", place(&url)));
    let error = Error::new(kind(status), format!("{what}: {reason}"));
    Refusal { error, status, codes: said.codes }
}

impl Refusal {
    /// Whether a manifest was refused for want of one of its blobs.
    pub fn lacks_a_blob(&self) -> bool {
        // The last one is what Docker's registry says while another push writes the note that it
        // has the blob: it reads an empty one.
        self.is_one_of(&["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "DIGEST_INVALID"])
    }

    /// Whether an upload was refused for what happened on the way: the registry lost it, has
    /// another part of it than we think, or got other bytes than we have.
    pub fn lost_an_upload(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE)
            || self.is_one_of(&[
                "BLOB_UPLOAD_UNKNOWN",
                "BLOB_UPLOAD_INVALID",
                "DIGEST_INVALID",
                "RANGE_INVALID",
                "SIZE_INVALID",
            ])
    }

    fn is_one_of(&self, codes: &[&str]) -> bool {
        self.status.is_client_error() && self.codes.iter().any(|code| codes.contains(&&**code))
    }
}

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
