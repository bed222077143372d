//! `compose`: Docker Compose and its engine in one static binary, without a daemon.
//!
//! This page is the map of the source. It says what lies where, which processes run, who writes
//! which file, and where to begin.
//!
//! # Modules
//!
//! Two sides and a bridge. The left side is a compiler from compose files to a plan; the right
//! side turns a plan into running containers. They share only nouns, and meet in one place.
//!
//! ```text
//! faces          cli                              text in and out; no decisions about containers
//! bridge       execute                            the only place where a decision becomes an effect
//!              ┌──┴───────────────┐
//!            plan               engine            one call for each step of a plan
//!              │                build  shim
//!           compose             image  network  runtime  oci
//!              │                state
//!            diag   docker      sys               diag: mistakes with places · docker: Docker's
//!              └──────┬───────────┘               wire shapes · sys: the only unsafe code
//!                  resource                       the nouns that both sides share
//!                   base                          small types with rules
//!
//!          PURE SIDE             EFFECT SIDE
//! ```
//!
//! - [`base`]: names, ids, digests, sizes, durations, ports, errors.
//! - [`diag`]: sources, spans, diagnostics and how they are shown.
//! - [`resource`]: `ContainerSpec`, `Container`, `Image`, `Network`, `Volume`, `Observed`.
//! - [`docker`]: Docker's wire shapes (`inspect`, lists, events, info, version), pure.
//! - [`compose`]: the Compose language: files to a typed [`compose::Project`].
//! - [`plan`]: what to do: the difference between a project and what exists, as steps with reasons.
//! - [`sys`]: system calls as safe functions.
//! - [`state`]: every path on disk, records, locks.
//! - [`runtime`]: a bundle becomes a process: namespaces, mounts, control groups, filters.
//! - [`oci`]: the runtime without a shim, with the command line of an OCI runtime.
//! - [`image`]: references, registry client, store, unpacking, archives.
//! - [`network`]: addresses, bridges, firewall rules, published ports, name answers.
//! - [`shim`]: the process beside each container.
//! - [`build`]: Dockerfile to image.
//! - [`engine`]: the front door of the effect side: [`engine::Engine`], `Host`, and `Fake` for tests.
//! - [`execute`]: carries a plan out.
//! - [`cli`]: the command line, in folders by what commands act on.
//!
//! Who may use whom is held by `tests/tidy.rs`.
//!
//! # The way of `up`
//!
//! 1. `main` calls [`cli::main`], which leaves early for what must start fast.
//! 2. `cli::app::command` reads the arguments; `cli::project::up` is the command.
//! 3. [`compose::load`] reads, interpolates, merges and checks the files: a `Project`.
//! 4. `plan::images` says what to pull or build, and [`execute`] does it.
//! 5. `plan::lower` turns services into `ContainerSpec`s with nothing left to decide: `Desired`.
//! 6. `engine.observe()` takes one snapshot of what exists: `Observed`.
//! 7. `plan::up` compares both: a `Plan` of steps, each with its reason. `--plan` stops here.
//! 8. [`execute`] runs steps whose predecessors are done; each is one engine call.
//! 9. `engine::host` resolves a spec to a bundle, and starts a shim by `exec` of this binary.
//! 10. The shim makes the network namespace, and [`runtime::start`] clones the first process, which
//!     assembles its root from detached mounts, gives up privileges, and executes the program.
//!
//! # Processes
//!
//! | process | started by | is |
//! |---|---|---|
//! | command | the user | plans and executes; it may be killed at any moment |
//! | shim | a command, by `exec` of this binary | one for each container, one thread, one loop: parent of the first process; log, health, restarts, ports, name answers, control socket |
//! | init | the shim, by `clone3(2)` | the container's first process until it executes the program |
//! | intermediate | the shim, by `clone3(2)` | prepares a program that is executed in a running container, outside of its PID namespace, and forks it |
//! | sandbox | a build, by `exec` of this binary | runs the steps of a build |
//!
//! # Files
//!
//! Below the data root (`/var/lib/compose`), which survives a boot:
//!
//! | path | written by | holds |
//! |---|---|---|
//! | `images/` | the image store, under its lock | blobs, unpacked layers, `refs.json` |
//! | `containers/<id>/spec.json` | the command that creates it | what is wanted |
//! | `containers/<id>/bundle.json` | the command that starts it | what the kernel is told |
//! | `containers/<id>/exit.json` | the shim | how the last run ended |
//! | `containers/<id>/log/`, `upper/`, `work/`, `etc/` | the shim; the container | output, writable layer, generated files |
//! | `containers/names/<name>` | the command that creates it | link to the id: the name is taken |
//! | `volumes/<name>/`, `networks/<name>.json` | the command that creates them | record and content |
//! | `tmp/`, `gc/` | everybody | on its way in; on its way out |
//!
//! Below the run root (`/run/compose`), on tmpfs: `containers/<id>/` with `status.json`,
//! `alive.lock` and `ctl.sock` of the shim, `networks/<id>/` with addresses and names, `locks/`.
//! A lock is a lock of the kernel's, so that a dead process holds none.
//!
//! # Where to begin
//!
//! - A key of the Compose language: `compose::model`, then `plan::lower`.
//! - An option of a command: the command's file in [`cli`]; its row in `tests/cli/option_table.rs`.
//! - What a container may do: [`runtime`]; `engine::bundle` decides, `runtime` applies.
//! - A test: `tests/README.md` says which suite proves what.

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
