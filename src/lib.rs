//! `compose`: Docker Compose and its engine in one static binary, without a daemon.
//!
//! Two sides and a bridge. The left side is a compiler from compose files to a plan; the right
//! side is a small kit that turns a plan into running containers. They share only nouns, and meet
//! in one place.
//!
//! ```text
//! faces          cli                        text and wire formats; no decisions
//! bridge       execute                      the only place where a decision becomes an effect
//!              ┌──┴──────────────┐
//!            plan              engine
//!              │                shim
//!           compose      image  network  runtime
//!              │                state
//!            diag               sys         diag: mistakes with places · sys: the only unsafe
//!              └───────┬─────────┘
//!                   resource                the nouns both sides share
//!                    base                   words with rules
//!
//!          PURE SIDE           EFFECT SIDE
//! ```
//!
//! A command goes left to right: [`compose`] loads files into a `Project`; [`plan`] lowers it and
//! compares it with what [`engine`] observes; [`execute`] carries the plan out, one engine call a
//! step. A running container is one [`shim`] process and the user's processes below it.
//! Who may use whom is held by `tests/tidy.rs`.

pub mod base;
pub mod build;
pub mod cli;
pub mod compose;
pub mod diag;
pub mod docker;
pub mod engine;
pub mod execute;
pub mod image;
pub mod network;
pub mod oci;
pub mod plan;
pub mod resource;
pub mod runtime;
pub mod shim;
pub mod state;
pub mod sys;
