//! A shim's beginning and end: what it takes before it loops, and what it gives back after.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode};

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::{State, Status};
use crate::runtime::Cgroup;
use crate::state::{self, ContainerDir, Durability, Lock};
use crate::sys::process::{self, Fork};

use super::announce::Announcer;
use super::launch::{self, Payload};
use super::log::{Forward, LogFile, Options};
use super::output::Output;
use super::peers::Peers;
use super::poller::{Poller, Source};
use super::protocol::{Failure, Reply, Report};
use super::records::Records;
use super::run::{self, Shim};
use super::supervisor::Supervisor;
use super::wiring::Wiring;
use super::{alive, remove};

/// How long peers may take to read the last they are told.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs a shim: `arguments` are the container's directories, the persistent one first. The
/// process must have one thread. Its standard output is the report pipe, its standard input an
/// attached connection if it is a socket.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [data, run] = arguments else { return ExitCode::from(125) };
    let dir = ContainerDir::new(PathBuf::from(data), PathBuf::from(run));
    match go_alone().and_then(|()| live(&dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The caller waits for this process only: the shim goes on as a session of its own, whose parent
/// is whoever reaps orphans, out of reach of what ends the caller's session.
fn go_alone() -> Result<()> {
    let failed = || "cannot make a process".to_owned();
    // Where it cannot be had, the caller's group does, as long as its session lasts.
    let group = Cgroup::apart().ok().flatten();
    let apart = process::clone(0, group.as_ref().map(AsFd::as_fd));
    let forked = match (apart, group) {
        (Err(_), Some(_)) => process::clone(0, None),
        (forked, _) => forked,
    };
    match forked.context(failed)? {
        Fork::Parent { .. } => process::exit(0),
        Fork::Child => {
            let alone = rustix::process::setsid().and_then(|_| rustix::process::chdir("/"));
            alone.map_err(std::io::Error::from).context(failed)
        }
    }
}

/// The whole life of a shim. Errors were reported where there was someone to tell.
fn live(dir: &ContainerDir) -> Result<()> {
    let attachment = take_stdin()?;
    let lock = match alive::take(dir) {
        Ok(Some(lock)) => lock,
        Ok(None) => return refuse(Error::new(Kind::Conflict, "the container is running already")),
        Err(error) => return refuse(error),
    };
    let mut lock = Some(lock);
    let mut shim = match prepare(dir, &mut lock) {
        Ok(shim) => shim,
        Err(error) => return abandon(dir, lock, error),
    };
    if let Some(socket) = attachment
        && let Ok(id) = shim.peers.adopt(socket, &shim.poller)
    {
        shim.hear(id);
    }
    let result = shim.run();
    shim.finish();
    shim.linger();
    result
}

/// Takes everything the container needs outside its own processes.
fn prepare(dir: &ContainerDir, lock: &mut Option<Lock>) -> Result<Shim> {
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(std::io::Error::from)
        .context(|| "cannot become the parent of orphans".to_owned())?;
    let poller = Poller::new().context(|| "cannot wait for events".to_owned())?;
    let signals = run::signals(&poller).context(|| "cannot wait for signals".to_owned())?;
    // First of all: whoever finds the lock taken can say what it wants, and is heard once we loop.
    remove_file(&dir.control())?;
    let peers = Peers::listen(&dir.control(), &poller)
        .context(|| format!("cannot listen on {}", dir.control().display()))?;
    let roots = dir.roots()?;
    let id: ContainerId =
        dir.data().file_name().and_then(|id| id.to_str()).unwrap_or("").parse()?;
    let spec: Option<ContainerSpec> = state::read(&dir.spec())?;
    let spec = spec.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no container {}", id.short()))
    })?;
    launch::signal_number(&spec.stop.signal)?;
    let log = LogFile::open(dir, Options::parse(&spec.log)?)?;
    let forward = Forward::open(&spec, &id)?;
    let output = Output::new(log, forward, Options::attributes(&spec, &id));
    let wiring = Wiring::connect(&roots, &id, &spec)?;
    wiring.write_files(dir, &roots, &id, &spec)?;
    wiring.listen(&poller)?;
    let payload = Payload::prepare(dir, &roots, &spec, wiring.namespace())?;
    let announcer = Announcer::new(&id, dir, &roots, &spec);
    announcer.surroundings(true);
    let mut supervisor = Supervisor::new(spec.restart, spec.stop.clone(), spec.health.clone());
    supervisor.set_facts(|status| wiring.describe(status));
    Ok(Shim {
        id,
        dir: dir.clone(),
        roots,
        spec,
        lock: lock.take(),
        poller,
        signals,
        peers,
        output,
        payload,
        wiring,
        supervisor,
        records: Records::default(),
        commands: std::collections::BTreeMap::new(),
        announcer,
        probe: None,
        starts: super::starts::Starts::default(),
        stoppers: Vec::new(),
        size: None,
        ending: None,
        failure: None,
        reported: false,
        finished: false,
        kept: false,
    })
}

impl Shim {
    /// Tells whoever started the shim how the start went, once.
    pub(super) fn report_start(&mut self) {
        let status = self.supervisor.status();
        if !self.reported && status.state == State::Running {
            self.reported = true;
            report(&Report::Started(Box::new(status.clone())));
        }
    }

    /// Gives back everything that lies outside the container's processes.
    fn finish(&mut self) {
        self.output.close();
        let removed = self.spec.auto_remove && self.reported && !self.kept;
        let mut problems = Vec::new();
        problems.extend(self.wiring.withdraw(&self.roots, &self.id, removed).err());
        self.announcer.surroundings(false);
        // Addresses and ports are free from here on.
        self.wiring = Wiring::default();
        // With a process that does not die, what is left is found again by `recover`.
        let mut rest = None;
        match self.payload.remove().map(|()| self.put_away(removed)) {
            Ok(Ok(gone)) => rest = gone,
            Ok(Err(error)) => problems.push(error),
            Err(error) => {
                problems.push(error);
                problems.extend(self.records.ended(&self.dir, self.supervisor.status()).err());
            }
        }
        // From here on another shim may start the container again.
        self.lock = None;
        if !self.reported {
            let problem = self.failure.take().or(problems.into_iter().next());
            let error = problem.unwrap_or_else(|| Error::other("the container did not start"));
            report(&Report::Failed(Failure::from(&error)));
        }
        for stopper in std::mem::take(&mut self.stoppers) {
            self.peers.answer(stopper, &Reply::Done, &self.poller);
        }
        self.peers.end_attached(self.supervisor.status().exit_code.unwrap_or(255), &self.poller);
        // Now that nobody waits for it. What cannot be deleted the next command finds.
        drop(rest.map(|gone| remove::rest(&gone)));
        self.peers.close(&self.poller);
    }

    /// Leaves the records as they shall be without a shim. Returns what is left to be deleted.
    fn put_away(&mut self, removed: bool) -> Result<Option<PathBuf>> {
        // Also of a container that goes away at once: a watcher may look before it is gone.
        let written = self.records.ended(&self.dir, self.supervisor.status());
        if removed {
            self.announcer.destroyed();
            return remove::vanish(&self.dir, &self.roots, &self.id).map(Some);
        }
        // With a full disk the last status stays on tmpfs, until a later command can write it.
        written?;
        remove_run_dir(&self.dir)?;
        Ok(None)
    }

    /// Sends what peers have not taken yet. Who came with the start is waited for: nothing of
    /// what `run` prints is lost.
    fn linger(&mut self) {
        let end = Instant::now() + FAREWELL;
        while self.peers.is_busy() {
            let left = end.saturating_duration_since(Instant::now());
            let limit = if self.peers.is_congested() { None } else { Some(left) };
            let Ok(ready) = self.wait(limit) else { return };
            if ready.is_empty() {
                return;
            }
            for ready in ready {
                match ready.source {
                    Source::Peer(id) => {
                        self.peers.flush(id, &self.poller);
                        if ready.read {
                            self.peers.receive(id, &self.poller);
                        }
                    }
                    // Nothing else is of interest any more.
                    Source::Signals => self.poller.forget(self.signals.as_fd()),
                    _ => (),
                }
            }
        }
    }
}

/// A start that failed before there was anything to supervise.
fn abandon(dir: &ContainerDir, lock: Option<Lock>, error: Error) -> Result<()> {
    let status = Status {
        state: State::Created,
        exit_code: Some(launch::exit_code(&error)),
        error: error.to_string(),
        ..Status::default()
    };
    if dir.data().exists() {
        // The report below says more than this record.
        let _ = state::write(&dir.exit(), &status, Durability::Process);
    }
    let _ = remove_run_dir(dir);
    drop(lock);
    refuse(error)
}

fn refuse(error: Error) -> Result<()> {
    report(&Report::Failed(Failure::from(&error)));
    Err(error)
}

/// Says how the start went, and closes the pipe.
fn report(report: &Report) {
    // Reports hold nothing that JSON cannot say; if the reader is gone, nobody wants to know.
    if let Ok(text) = serde_json::to_vec(report) {
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(&text).and_then(|()| stdout.flush());
    }
    if let Ok(null) = launch::null() {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}

/// The connection that came as standard input, if one did; its place is taken by the null device.
fn take_stdin() -> Result<Option<OwnedFd>> {
    let stdin = std::io::stdin();
    let is_socket = !stdin.is_terminal()
        && rustix::fs::fstat(stdin.as_fd())
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket);
    if !is_socket {
        return Ok(None);
    }
    let socket =
        stdin.as_fd().try_clone_to_owned().context(|| "cannot keep a connection".to_owned())?;
    rustix::stdio::dup2_stdin(launch::null()?)
        .map_err(std::io::Error::from)
        .context(|| "cannot replace standard input".to_owned())?;
    Ok(Some(socket))
}

fn remove_run_dir(dir: &ContainerDir) -> Result<()> {
    std::fs::remove_dir_all(dir.run()).context(|| format!("cannot remove {}", dir.run().display()))
}

fn remove_file(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
