//! Answers that say no, as errors.

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::base::{Error, Kind};

use super::http::place;

/// Largest error document worth reading.
const MAX_ERROR_BODY: usize = 16 << 10;

/// An answer without success, as an error: its kind, and what the registry says.
pub async fn refusal(response: Response, what: &str) -> Error {
    let status = response.status();
    let url = response.url().clone();
    let kind = match status {
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Unauthorized,
        _ => Kind::Other,
    };
    let said = said_by_registry(response).await;
    let reason = said.unwrap_or_else(|| format!("{} says {status}", place(&url)));
    Error::new(kind, format!("{what}: {reason}"))
}

/// The registry's own words (OCI distribution: error codes).
async fn said_by_registry(mut response: Response) -> Option<String> {
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
            return None;
        }
    }
    let document: Document = serde_json::from_slice(&body).ok()?;
    let words = document.errors.iter().map(|item| match item.message.is_empty() {
        true => item.code.clone(),
        false => item.message.clone(),
    });
    let words: Vec<String> = words.filter(|text| !text.is_empty()).collect();
    let text = if words.is_empty() { document.details? } else { words.join(", ") };
    // It goes to a terminal: letters only.
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(300).collect();
    (!text.is_empty()).then_some(text)
}
