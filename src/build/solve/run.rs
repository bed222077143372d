//! `RUN`.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::files::Made;
use super::mounts::Mounts;
use super::stage::Position;
use super::{Builder, StepResult, Stop};
use crate::base::text::harmless;
use crate::base::{Digest, Result};
use crate::build::dockerfile::{Command, Heredoc, Instruction, Run, RunNetwork, Step, show};
use crate::build::history;
use crate::build::key::Key;
use crate::build::layer::Draft;
use crate::build::request::{Event, Network};
use crate::build::sandbox::{self, End, Order, Wanted};
use crate::build::state::State;
use crate::build::stubs::Stubs;
use crate::runtime::{Bundle, Content};

/// Lines of a failed step that its error shows.
const TAIL: usize = 20;

/// Bytes of `/dev/shm` when nobody says.
const SHM_SIZE: u64 = 64 << 20;

/// `/etc/hosts` of every step.
const HOSTS: &str = "127.0.0.1\tlocalhost buildkitsandbox\n\
                     ::1\tlocalhost ip6-localhost ip6-loopback\n";

/// What a step runs.
struct Program {
    argv: Vec<String>,
    env: Vec<String>,
    /// A script of a here-document, as a file.
    script: Option<Content>,
}

impl Builder<'_> {
    /// `RUN`.
    pub(super) fn run_step(
        &self,
        step: &Step,
        run: &Run,
        state: &mut State,
        at: &Position,
    ) -> StepResult<()> {
        if run.insecure && !self.request.allow_insecure && !self.request.privileged {
            let message = "security.insecure is not allowed";
            let hint = "allow it with --allow security.insecure";
            return Err(self.mistake("not-allowed", step.span, message, |it| {
                it.hint(hint);
            }));
        }
        if run.network == Some(RunNetwork::Host)
            && !self.request.allow_host_network
            && self.request.network != Network::Host
        {
            let message = "network.host is not allowed";
            let hint =
                "allow it with --allow network.host, or `entitlements` of the service's build";
            return Err(self.mistake("not-allowed", step.span, message, |it| {
                it.hint(hint);
            }));
        }
        // Other stages are waited for before the step counts as begun.
        let mounts = self.mounts(run, state, at)?;
        let program = program(run, state);
        let name = self.label(at, &step.text);
        let made: Made = self.step(&name, |number| {
            let key = self.run_key(run, &program, &mounts, state);
            self.cached_or(&key, &step.text, &state.layers, at, || {
                self.execute(step, run, &program, &mounts, state, number)
            })
        })?;
        state.record(&history::run(&state.arguments(), &program.argv), Some(made));
        Ok(())
    }

    fn network(&self, run: &Run) -> Network {
        match run.network {
            None | Some(RunNetwork::Default) => self.request.network,
            Some(RunNetwork::None) => Network::None,
            Some(RunNetwork::Host) => Network::Host,
        }
    }

    /// Everything that decides what the step leaves behind, as far as it can be known. Proxies and
    /// secrets are not part of it (Docker).
    fn run_key(&self, run: &Run, program: &Program, mounts: &Mounts, state: &State) -> Digest {
        let mut key = Key::new("run");
        key.layers(&state.layers)
            .part(show::instruction(&Instruction::Run(run.clone())))
            .list(&program.argv)
            .list(&program.env)
            .part(&state.config.working_dir)
            .part(&state.config.user)
            .part(&mounts.key);
        if let Some(script) = &program.script {
            key.part(&script.data);
        }
        for (name, address) in &self.request.extra_hosts {
            key.part(name).part(address);
        }
        key.part(format!(
            "{:?} {:?} {:?} {:?} {}",
            self.network(run),
            self.request.shm_size,
            self.request.ulimits,
            self.request.epoch,
            self.request.privileged,
        ));
        key.finish()
    }

    fn execute(
        &self,
        step: &Step,
        run: &Run,
        program: &Program,
        mounts: &Mounts,
        state: &State,
        number: usize,
    ) -> StepResult<Digest> {
        let draft = Draft::begin(self.store, &state.layers)?;
        let fitted = self.fit(mounts, &draft)?;
        let mut targets = fitted.targets.clone();
        targets
            .extend(["/proc", "/sys", "/dev", "/etc/hosts", "/etc/resolv.conf"].map(PathBuf::from));
        let stubs = Stubs::missing(self.store, &state.layers, &targets)?;
        let bridged = self.network(run) == Network::Default;
        self.bridged.fetch_or(bridged, Ordering::Relaxed);
        let order = Order {
            bundle: self.bundle(run, program, &fitted, state, &draft)?,
            bridge: bridged.then(|| self.roots.clone()),
            grafts: fitted.grafts.clone(),
            report: draft.scratch("report")?.join("error.json"),
        };
        let mut tail = Tail::default();
        let ended = sandbox::run(&order, &self.failed, &mut |text| {
            self.progress.event(Event::Output { step: number, text });
            tail.add(text);
        });
        drop(fitted);
        match ended {
            Ok(End::Code(0)) => {
                stubs.remove(&draft.files());
                Ok(draft.finish(self.store, self.request.epoch)?)
            }
            Ok(End::Cancelled) => Err(Stop::Cancelled),
            Ok(End::Code(code)) => Err(self.exit_code(step, code, &tail)),
            Err(error) => Err(self.blame(step.span, &error)),
        }
    }

    fn exit_code(&self, step: &Step, code: i32, tail: &Tail) -> Stop {
        let message = format!("the command ended with exit code {code}");
        self.mistake("step-failed", step.span, message, |mistake| {
            if !tail.lines.is_empty() {
                mistake.note(format!("its last output:\n{}", harmless(&tail.text())));
            }
            let why = match code {
                127 => Some("the image does not have this program, or not in its PATH"),
                137 => Some("it was killed, probably for lack of memory"),
                _ => None,
            };
            if let Some(why) = why {
                mistake.hint(why);
            }
        })
    }

    fn bundle(
        &self,
        run: &Run,
        program: &Program,
        fitted: &super::mounts::Fitted,
        state: &State,
        draft: &Draft,
    ) -> Result<Bundle> {
        let mut env = program.env.clone();
        env.extend(self.proxies().iter().map(|(name, value)| format!("{name}={value}")));
        env.extend(fitted.env.iter().cloned());
        let mut contents = self.etc(self.network(run));
        contents.extend(program.script.clone());
        contents.extend(fitted.contents.iter().cloned());
        let random = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        let insecure = run.insecure || self.request.privileged;
        Ok(sandbox::bundle(Wanted {
            argv: program.argv.clone(),
            env,
            cwd: &state.config.working_dir,
            user: &state.config.user,
            rootfs: draft.rootfs(),
            own_network: self.network(run) != Network::Host,
            insecure,
            profile: if insecure { None } else { self.world.profile()? },
            shm_size: self.request.shm_size.unwrap_or(SHM_SIZE),
            ulimits: &self.request.ulimits,
            cgroup: PathBuf::from(format!("compose/build-{random:016x}")),
            mounts: fitted.mounts.clone(),
            contents,
        }))
    }

    /// `/etc/hosts` and `/etc/resolv.conf` of the step.
    fn etc(&self, network: Network) -> Vec<Content> {
        let mut hosts = HOSTS.to_owned();
        for (name, address) in &self.request.extra_hosts {
            hosts += &format!("{address}\t{name}\n");
        }
        let resolvers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let resolvers = match network {
            Network::Default => asking_us(&resolvers),
            // On the host's network its resolvers can be reached as they are.
            Network::Host | Network::None => resolvers,
        };
        let file = |target: &str, data: Vec<u8>| Content {
            target: PathBuf::from(target),
            data,
            uid: 0,
            gid: 0,
            mode: 0o644,
        };
        vec![
            file("/etc/hosts", hosts.into_bytes()),
            file("/etc/resolv.conf", resolvers.into_bytes()),
        ]
    }
}

/// A `resolv.conf` in which the step's own process answers instead of the host's resolvers: those
/// may listen on the host's loopback device only.
fn asking_us(host: &str) -> String {
    let others = host.lines().filter(|line| !line.trim_start().starts_with("nameserver"));
    others.fold("nameserver 127.0.0.11\n".to_owned(), |text, line| text + line + "\n")
}

fn program(run: &Run, state: &State) -> Program {
    let env = state.env.clone();
    let (argv, script) = match (&run.command, run.heredocs.as_slice()) {
        (command, []) => (state.argv(command), None),
        (Command::Shell(line), [only]) if line.trim() == only.mark => script(only, state),
        (command, heredocs) => {
            let mut line = match command {
                Command::Shell(line) => line.clone(),
                Command::Exec(words) => words.join(" "),
            };
            for heredoc in heredocs {
                line += &format!("\n{}{}", heredoc.content, heredoc.name);
            }
            (state.shell_line(&line), None)
        }
    };
    Program { argv, env, script }
}

/// A here-document as a whole script: for the shell, or when its first line names a program, a
/// file that the shell runs (Docker).
fn script(heredoc: &Heredoc, state: &State) -> (Vec<String>, Option<Content>) {
    let body = heredoc.body();
    if !body.starts_with("#!") {
        return (state.shell_line(&body), None);
    }
    let target = format!("/dev/pipes/{}", heredoc.name);
    let argv = state.shell_line(&target);
    let data = body.into_bytes();
    (argv, Some(Content { target: PathBuf::from(target), data, uid: 0, gid: 0, mode: 0o755 }))
}

/// The last lines of what a step printed.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    /// The last of `lines` does not end yet.
    open: bool,
}

impl Tail {
    fn add(&mut self, text: &[u8]) {
        for piece in String::from_utf8_lossy(text).split_inclusive('\n') {
            let line = piece.trim_end_matches(['\n', '\r']);
            match self.lines.back_mut().filter(|_| self.open) {
                Some(last) => last.push_str(line),
                None => self.lines.push_back(line.to_owned()),
            }
            self.open = !piece.ends_with('\n');
            if self.lines.len() > TAIL {
                self.lines.pop_front();
            }
        }
    }

    fn text(&self) -> String {
        self.lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}
