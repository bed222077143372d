//! The loop: waits, tells the supervisor what happened, and does what it says.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;

use crate::base::{ContainerId, Context, Error, Result};
use crate::resource::ContainerSpec;
use crate::resource::log::Stream;
use crate::resource::process::TerminalSize;
use crate::runtime::Size;
use crate::state::{ContainerDir, Lock, Roots};

use super::announce::Announcer;
use super::launch::{self, Payload};
use super::output::{Output, Read};
use super::peers::Peers;
use super::poller::{Alarm, Poller, Ready, Source, now};
use super::probe::Probe;
use super::protocol::Frame;
use super::records::Records;
use super::starts::Starts;
use super::supervisor::{Effect, Event, Exit, StartFailure, Supervisor};
use super::wiring::Wiring;

/// How long output of a container that ended is waited for: other processes may hold its pipes.
const DRAIN: Duration = Duration::from_secs(2);

/// How long nothing must happen before memory is given back.
const CALM: Duration = Duration::from_millis(250);

/// When a log service that was full is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// Reads of one stream before others get their turn.
const TURN: usize = 8;

/// A command that runs in the container.
#[derive(Debug)]
pub(super) struct Command {
    /// Who waits for its end.
    pub(super) peer: u32,
    /// What events call it: 64 hexadecimal digits.
    pub(super) id: String,
    /// Its terminal, which stays when whoever asked for it goes (Docker: the same).
    pub(super) terminal: Option<OwnedFd>,
}

/// One container and everything its shim holds for it.
#[derive(Debug)]
pub(super) struct Shim {
    pub(super) id: ContainerId,
    pub(super) dir: ContainerDir,
    pub(super) roots: Roots,
    pub(super) spec: ContainerSpec,
    /// Held as long as the container may be alive.
    pub(super) lock: Option<Lock>,
    pub(super) poller: Poller,
    pub(super) signals: SignalFd,
    pub(super) peers: Peers,
    pub(super) output: Output,
    pub(super) payload: Payload,
    pub(super) wiring: Wiring,
    pub(super) supervisor: Supervisor,
    pub(super) records: Records,
    /// Commands that run in the container, by process id.
    pub(super) commands: BTreeMap<i32, Command>,
    pub(super) announcer: Announcer,
    pub(super) probe: Option<Probe>,
    /// Programs that are being started in the container.
    pub(super) starts: Starts,
    /// Peers that wait for the container's end.
    pub(super) stoppers: Vec<u32>,
    /// Size of the terminal, as an attached peer last said.
    pub(super) size: Option<TerminalSize>,
    /// The first process ended with this code, and its output is being drained.
    pub(super) ending: Option<i32>,
    /// Why the container did not start, to be told to whoever started it.
    pub(super) failure: Option<Error>,
    /// Whoever started the shim knows how that went.
    pub(super) reported: bool,
    pub(super) finished: bool,
    /// It stays although it removes itself when it ends: it is started again at once.
    pub(super) kept: bool,
}

impl Shim {
    /// Runs the container to its end.
    ///
    /// # Errors
    /// The loop itself is broken; the container's processes are not touched then.
    pub(super) fn run(&mut self) -> Result<()> {
        self.apply(Event::Begin);
        let mut calm = false;
        while !self.finished {
            self.arm_network();
            let limit = if calm { None } else { Some(CALM) };
            let ready = self.wait(limit)?;
            calm = ready.is_empty();
            for ready in ready {
                self.handle(ready);
            }
            self.after_events();
            if calm {
                self.park();
            }
        }
        Ok(())
    }

    pub(super) fn wait(&self, limit: Option<Duration>) -> Result<Vec<Ready>> {
        self.poller.wait(limit).context(|| "cannot wait for events".to_owned())
    }

    fn handle(&mut self, ready: Ready) {
        match ready.source {
            Source::Signals => self.on_signals(),
            Source::Alarm => self.on_alarms(),
            Source::Listener => self.peers.accept(&self.poller),
            Source::Stdout => self.on_output(Stream::Stdout),
            Source::Stderr => self.on_output(Stream::Stderr),
            Source::Stdin => self.on_input_room(),
            Source::Probe => {
                if let Some(probe) = &mut self.probe {
                    probe.read(&self.poller);
                }
            }
            Source::Peer(id) => self.on_peer(id, ready),
            Source::Terminal(pid) => self.on_terminal(pid),
            Source::Memory => self.on_memory(),
            Source::Start(token) => self.on_start(token),
            Source::Ports | Source::Names | Source::Walls => {
                self.wiring.on_ready(ready.source, &self.poller);
            }
        }
    }

    /// What is done once for all events of one waking.
    fn after_events(&mut self) {
        if self.output.flush() {
            self.peers.tell_output(&self.poller);
        }
        let again = self.output.waits().then(|| now().boot + AGAIN);
        self.poller.set_alarm(Alarm::Forward, again);
        let held = self.peers.is_congested() && self.ending.is_none();
        // A stream that cannot be waited for has ended.
        let _ = self.output.hold(&self.poller, held);
        if self.ending.is_some() {
            self.end_if_drained();
        }
    }

    fn arm_network(&mut self) {
        let instant = Instant::now();
        let at = self.wiring.deadline(instant);
        let at = at.map(|at| now().boot + at.saturating_duration_since(instant));
        self.poller.set_alarm(Alarm::Network, at);
    }

    /// Nothing happens: a parked shim shall cost next to nothing.
    fn park(&mut self) {
        self.output.park();
        crate::sys::memory::trim_heap();
        // Without /proc the pages stay, which costs memory only.
        let _ = crate::sys::memory::trim_stack();
        let _ = crate::sys::memory::drop_clean_program_pages();
    }

    /// Tells the supervisor, and does what it says until it has nothing more to say.
    pub(super) fn apply(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.supervisor.on(now(), event) {
                events.extend(self.perform(effect));
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::StartInit => return Some(self.start()),
            // Names were checked when they came in; a process that just ended needs no signal.
            Effect::Signal(name) => {
                drop(self.payload.signal(&name));
                // It is known: see above.
                let number = launch::signal_number(&name).unwrap_or(0);
                self.announcer.tell("kill", &[("signal", number.to_string())]);
            }
            // If thawing fails, the signal that follows does not arrive, and SIGKILL thaws again.
            Effect::Thaw => drop(self.payload.freeze(false)),
            Effect::KillAll => self.payload.kill_all(),
            Effect::StartProbe => return self.start_probe(),
            Effect::EndProbe { report } => {
                let result = self.end_probe()?;
                return report.then_some(Event::ProbeEnded(result));
            }
            Effect::Arm(timer, at) => self.poller.set_alarm(Alarm::Supervisor(timer), Some(at)),
            Effect::Disarm(timer) => self.poller.set_alarm(Alarm::Supervisor(timer), None),
            Effect::StatusChanged => {
                let status = self.supervisor.status();
                self.records.changed(&self.dir, status);
                self.payload.started();
                self.announcer.changed(status);
                self.peers.tell_status(status, &self.poller);
                self.report_start();
            }
            Effect::Finish => self.finished = true,
        }
        None
    }

    fn start(&mut self) -> Event {
        let size = self.size.map(|size| Size { rows: size.rows, columns: size.columns });
        match self.payload.start(&mut self.output, &self.poller, size) {
            Ok(pid) => {
                let warnings = self.payload.warnings();
                self.supervisor.set_facts(|status| status.warnings = warnings);
                Event::Started(pid)
            }
            Err(error) => {
                self.output.close();
                self.payload.started();
                let code = launch::exit_code(&error);
                let message = error.to_string();
                self.failure = Some(error);
                Event::StartFailed(StartFailure { message, code })
            }
        }
    }

    fn on_signals(&mut self) {
        let mut terminate = false;
        while let Ok(Some(info)) = self.signals.read_signal() {
            terminate |= info.ssi_signo != Signal::SIGCHLD as u32;
        }
        self.reap();
        if terminate {
            self.apply(Event::Terminate);
        }
    }

    /// The first process is gone. What else is in the container must go, too, before it counts as
    /// ended, and what was printed must be in the log.
    pub(super) fn on_init_end(&mut self, code: i32) {
        self.ending = Some(code);
        self.payload.kill_all();
        self.poller.set_alarm(Alarm::Drain, Some(now().boot + DRAIN));
        // As in `after_events`.
        let _ = self.output.hold(&self.poller, false);
    }

    fn end_if_drained(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.on_output(stream);
        }
        if self.output.is_over() && self.payload.is_empty() {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        let Some(code) = self.ending.take() else { return };
        self.poller.set_alarm(Alarm::Drain, None);
        self.give_up_starts();
        self.output.close();
        if self.output.flush() {
            self.peers.tell_output(&self.poller);
        }
        let oom = self.payload.end_run();
        // First of all it is written: `run` that has ended may be followed by `rm` at once.
        self.apply(Event::Exited(Exit { code, oom }));
        // Who is attached to a container that removes itself hears of its end once it is gone.
        if !self.spec.auto_remove || self.kept {
            self.peers.end_attached(code, &self.poller);
        }
    }

    fn on_alarms(&mut self) {
        for alarm in self.poller.due(now().boot) {
            match alarm {
                Alarm::Supervisor(timer) => self.apply(Event::Timer(timer)),
                Alarm::Drain => self.end_run(),
                // What is done after each waking.
                Alarm::Forward => {}
                Alarm::Start => self.on_late_starts(),
                Alarm::Network => {
                    self.wiring.on_ready(Source::Ports, &self.poller);
                    self.wiring.on_ready(Source::Names, &self.poller);
                }
            }
        }
    }

    fn on_output(&mut self, stream: Stream) {
        let frame = match stream {
            Stream::Stdout => Frame::Data,
            Stream::Stderr => Frame::Error,
        };
        for _ in 0..TURN {
            let Read::Bytes(count) = self.output.read(stream) else { return };
            if self.peers.has_attached() {
                self.peers.tell_attached(frame, self.output.bytes(count), &self.poller);
                if self.peers.is_congested() {
                    return;
                }
            }
        }
    }

    /// Told at once and not at the end: the container may go on without what was killed.
    fn on_memory(&mut self) {
        if self.payload.ran_out_of_memory() {
            self.announcer.ran_out_of_memory();
            self.supervisor.set_facts(|status| status.oom_killed = true);
            self.records.changed(&self.dir, self.supervisor.status());
        }
    }

    pub(super) fn on_input_room(&mut self) {
        // A container that closed its input is not told what was typed.
        let _ = self.output.write_input(&self.poller);
        self.peers.mute_input(!self.output.wants_input(), &self.poller);
    }
}

/// Blocks the signals that the loop reads.
///
/// # Errors
/// No descriptors are left.
pub(super) fn signals(poller: &Poller) -> io::Result<SignalFd> {
    use nix::sys::signal::SigSet;
    use nix::sys::signalfd::SfdFlags;
    let mut set = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block()?;
    let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    poller.watch(signals.as_fd(), Source::Signals, super::poller::Interest::READ)?;
    Ok(signals)
}
