//! Commands on the project in this directory: its services, and the containers they have.
//!
//! One file per command, named after it. What several of them need is in [`crate::cli::app`],
//! [`crate::cli::console`] and [`crate::cli::plans`].

pub mod attach;
pub mod commit;
pub mod cp;
pub mod create;
pub mod down;
pub mod events;
pub mod exec;
pub mod export;
pub mod following;
pub mod images;
pub mod kill;
pub mod logs;
pub mod ls;
pub mod pause;
pub mod port;
pub mod ps;
pub mod restart;
pub mod rm;
pub mod run;
pub mod start;
pub mod stats;
pub mod stop;
pub mod top;
pub mod up;
pub mod volumes;
pub mod wait;
pub mod watch;
