//! Inputs that nobody wrote: mutations of good ones, for a few seconds, always the same. More with
//! `COMPOSE_FUZZ_SECONDS=600`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod dockerfiles;
mod images;
mod mutate;
