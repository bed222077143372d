//! What peers ask for.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::base::{Error, Kind, Result};
use crate::resource::State;
use crate::resource::process::{ExecSpec, TerminalSize};
use crate::runtime::{Size, Starting, Stdio};

use super::launch;
use super::peers::{Incoming, Role};
use super::poller::{Interest, Ready, Source};
use super::protocol::{Failure, Frame, Reply, Request};
use super::run::Shim;
use super::starts::Purpose;
use super::supervisor::{Event, Grace, StopRequest};

impl Shim {
    /// A peer sent something, or takes something again.
    pub(super) fn on_peer(&mut self, id: u32, ready: Ready) {
        if ready.write {
            self.peers.flush(id, &self.poller);
        }
        if ready.read {
            match self.peers.receive(id, &self.poller) {
                Incoming::Nothing => (),
                Incoming::Request(request, descriptors) => {
                    self.on_request(id, request, &descriptors);
                }
                Incoming::Frame(frame, content) => self.on_frame(id, frame, &content),
                Incoming::Gone { role, patient } => self.on_gone(id, role, patient),
            }
        }
    }

    /// Everything the peer has sent so far: what came with the start must be known before it.
    pub(super) fn hear(&mut self, id: u32) {
        while self.peers.has_packet(id) {
            self.on_peer(id, Ready { source: Source::Peer(id), read: true, write: false });
        }
    }

    fn on_request(&mut self, id: u32, request: Request, descriptors: &[OwnedFd]) {
        let result = match request {
            Request::Status => {
                let status = Box::new(self.supervisor.status().clone());
                self.peers.answer(id, &Reply::Status(status), &self.poller);
                Ok(())
            }
            Request::Commands => {
                let ids = self.commands.values().map(|command| command.id.clone()).collect();
                self.peers.answer(id, &Reply::Commands(ids), &self.poller);
                Ok(())
            }
            Request::Watch => {
                self.peers.set_role(id, Role::Watcher);
                let status = Box::new(self.supervisor.status().clone());
                self.peers.reply(id, &Reply::Status(status), None, &self.poller);
                Ok(())
            }
            Request::Stop { signal, grace_ms, keep } => {
                self.kept |= keep;
                self.stop(id, signal, grace_ms)
            }
            Request::Terminate => {
                self.end(id, Event::Terminate);
                Ok(())
            }
            Request::Kill { signal } => self.kill(id, signal),
            Request::Pause => self.pause(id, true),
            Request::Resume => self.pause(id, false),
            Request::Exec { spec, size } => self.exec(id, &spec, size, descriptors),
            Request::Attach { stdin } => self.attach(id, stdin),
            Request::Update { restart } => {
                self.supervisor.set_policy(restart);
                self.spec.restart = restart;
                self.peers.answer(id, &Reply::Done, &self.poller);
                Ok(())
            }
            Request::Connect { endpoint, links } => self.connect(id, &endpoint, links),
            Request::Disconnect { network } => self.disconnect(id, &network),
            Request::Resize { rows, columns } => {
                self.resize(TerminalSize { rows, columns });
                self.peers.answer(id, &Reply::Done, &self.poller);
                Ok(())
            }
        };
        if let Err(error) = result {
            self.peers.answer(id, &Reply::Failed(Failure::from(&error)), &self.poller);
        }
    }

    fn stop(&mut self, id: u32, signal: Option<String>, grace_ms: Option<i64>) -> Result<()> {
        if let Some(signal) = &signal {
            launch::signal_number(signal)?;
        }
        let grace = match grace_ms {
            None => Grace::Own,
            Some(millis) => u64::try_from(millis)
                .map_or(Grace::Endless, |millis| Grace::Of(Duration::from_millis(millis))),
        };
        self.end(id, Event::Stop(StopRequest { signal, grace }));
        Ok(())
    }

    /// Answered when the container is gone.
    fn end(&mut self, id: u32, why: Event) {
        self.peers.set_role(id, Role::Waiter);
        self.stoppers.push(id);
        self.announcer.stopping();
        self.apply(why);
    }

    /// Docker: SIGKILL is waited for, other signals are only sent.
    fn kill(&mut self, id: u32, signal: String) -> Result<()> {
        let deadly = launch::signal_number(&signal)? == libc::SIGKILL;
        let signal = if deadly { "SIGKILL".to_owned() } else { signal };
        match deadly {
            true => {
                self.peers.set_role(id, Role::Waiter);
                self.stoppers.push(id);
            }
            false => self.peers.answer(id, &Reply::Done, &self.poller),
        }
        self.apply(Event::Kill(signal));
        Ok(())
    }

    fn pause(&mut self, id: u32, paused: bool) -> Result<()> {
        let state = self.supervisor.status().state;
        let refused = match (state, paused) {
            (State::Running, true) | (State::Paused, false) => None,
            (State::Paused, true) => Some("the container is already paused"),
            (State::Running, false) => Some("the container is not paused"),
            _ => Some("the container is not running"),
        };
        if let Some(why) = refused {
            return Err(Error::new(Kind::Conflict, why));
        }
        self.payload.freeze(paused)?;
        self.apply(if paused { Event::Paused } else { Event::Resumed });
        self.peers.answer(id, &Reply::Done, &self.poller);
        Ok(())
    }

    fn exec(
        &mut self,
        id: u32,
        spec: &ExecSpec,
        size: Option<(u16, u16)>,
        descriptors: &[OwnedFd],
    ) -> Result<()> {
        match self.supervisor.status().state {
            State::Running if self.ending.is_none() => (),
            State::Paused => {
                let message = "the container is paused, unpause it before exec";
                return Err(Error::new(Kind::Conflict, message));
            }
            _ => return Err(launch::not_running()),
        }
        let starting = self.execute(spec, size, descriptors)?;
        self.peers.set_role(id, Role::Waiter);
        self.begin(Purpose::Command { peer: id, argv: spec.argv.clone() }, starting);
        Ok(())
    }

    fn execute(
        &self,
        spec: &ExecSpec,
        size: Option<(u16, u16)>,
        descriptors: &[OwnedFd],
    ) -> Result<Starting> {
        if spec.tty {
            let size = size.map(|(rows, columns)| Size { rows, columns });
            return self.payload.exec(spec, &Stdio::Terminal { size });
        }
        let [stdin, stdout, stderr] = descriptors else {
            let message = "a command without terminal needs three descriptors";
            return Err(Error::new(Kind::Invalid, message));
        };
        let stdio =
            Stdio::Pipes { stdin: stdin.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
        self.payload.exec(spec, &stdio)
    }

    /// Attaching to what is about to start is what `run` does.
    fn attach(&mut self, id: u32, stdin: bool) -> Result<()> {
        let refused = match self.supervisor.status().state {
            State::Created | State::Running => None,
            State::Paused => Some("You cannot attach to a paused container, unpause it first"),
            State::Restarting => {
                Some("You cannot attach to a restarting container, wait until it runs")
            }
            State::Exited | State::Dead => {
                Some("You cannot attach to a stopped container, start it first")
            }
        };
        if let Some(why) = refused {
            return Err(Error::new(Kind::Conflict, why));
        }
        self.peers.set_role(id, Role::Attached { stdin });
        self.announcer.tell("attach", &[]);
        Ok(())
    }

    fn on_frame(&mut self, id: u32, frame: Frame, content: &[u8]) {
        let stdin = self.peers.role(id) == Some(Role::Attached { stdin: true });
        // Errors of the container's input mean that it is closed; the container knows why.
        match frame {
            Frame::Data if stdin => {
                let _ = self.output.input(&self.poller, content);
                self.peers.mute_input(!self.output.wants_input(), &self.poller);
            }
            // Docker: StdinOnce. Input that `run` gave ends with it; of a container that was
            // started without anybody, it stays open for the next who attaches.
            Frame::End if stdin && self.peers.is_patient(id) => {
                let _ = self.output.end_input(&self.poller);
            }
            Frame::Resize => {
                if let [a, b, c, d] = *content {
                    let (rows, columns) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                    self.resize(TerminalSize { rows, columns });
                }
            }
            Frame::Data | Frame::End | Frame::Error | Frame::Exit => (),
        }
    }

    /// The input of `run` ends with its client (Docker: StdinOnce).
    fn on_gone(&mut self, id: u32, role: Role, patient: bool) {
        self.stoppers.retain(|stopper| *stopper != id);
        self.drain_terminals(id);
        if matches!(role, Role::Attached { .. }) && self.supervisor.is_up() {
            self.announcer.tell("detach", &[]);
        }
        if patient && role == (Role::Attached { stdin: true }) {
            // As in `on_frame`.
            let _ = self.output.end_input(&self.poller);
        }
    }

    /// Nobody reads any more what commands of this peer print: so that they go on, we do.
    pub(super) fn drain_terminals(&self, peer: u32) {
        for (pid, command) in self.commands.iter().filter(|(_, command)| command.peer == peer) {
            let (Some(terminal), Ok(pid)) = (&command.terminal, u32::try_from(*pid)) else {
                continue;
            };
            // A terminal that cannot be waited for fills up, and its program waits.
            let _ =
                rustix::io::ioctl_fionbio(terminal, true).map_err(std::io::Error::from).and_then(
                    |()| self.poller.watch(terminal.as_fd(), Source::Terminal(pid), Interest::READ),
                );
        }
    }

    /// Takes what a command prints for nobody.
    pub(super) fn on_terminal(&mut self, pid: u32) {
        let command = i32::try_from(pid).ok().and_then(|pid| self.commands.get(&pid));
        let Some(terminal) = command.and_then(|command| command.terminal.as_ref()) else { return };
        let mut buffer = [0; 4096];
        match rustix::io::read(terminal, &mut buffer) {
            Ok(1..) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => (),
            // Its last program has closed it.
            Ok(_) | Err(_) => self.poller.forget(terminal.as_fd()),
        }
    }

    fn resize(&mut self, size: TerminalSize) {
        self.size = Some(size);
        self.output.resize(size);
        let (height, width) = (size.rows.to_string(), size.columns.to_string());
        self.announcer.tell("resize", &[("height", height), ("width", width)]);
    }
}
