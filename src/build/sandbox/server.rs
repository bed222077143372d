//! The process's side: one thread, one container.

use std::io::{self, BufRead};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use oci_spec::runtime::LinuxNamespaceType;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus};

use crate::base::{Context, Error, Result};
use crate::runtime::root::Root;
use crate::runtime::rootfs;
use crate::runtime::{self, Bundle, Cgroup, Namespace, Rootfs, Setup, Started, Stdio};
use crate::sys::mount;

use super::wiring::Wiring;
use super::{Graft, Order, Report, TreeSource};

/// Runs the step that standard input describes, and exits as its program did.
#[must_use]
pub fn main() -> ExitCode {
    let mut line = String::new();
    let order: Order =
        match io::stdin().lock().read_line(&mut line).map(|_| serde_json::from_str(&line)) {
            Ok(Ok(order)) => order,
            _ => return ExitCode::FAILURE,
        };
    drop(line);
    match run(&order) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let report = Report { message: error.to_string() };
            // Without the report the builder says that the step ended before it began.
            let _ = serde_json::to_vec(&report).map(|text| std::fs::write(&order.report, text));
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> Result<u8> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)
        .map_err(io::Error::from)
        .and_then(|()| mount::change_all_propagation(libc::MS_PRIVATE))
        .context(|| "cannot make a mount namespace".to_owned())?;
    for graft in &order.grafts {
        attach(graft)?;
    }
    let cgroup = Cgroup::create(&order.bundle.cgroup()?, &order.bundle.resources())?;
    let result = contained(order, &cgroup);
    // What the step left running ends with it; nothing of it may outlive the build.
    let killed = cgroup.kill().and_then(|()| cgroup.remove());
    result.and_then(|code| killed.map(|()| code))
}

fn contained(order: &Order, cgroup: &Cgroup) -> Result<u8> {
    let mut wiring = wiring(order)?;
    let namespaces: Vec<Namespace<'_>> = wiring
        .iter()
        .map(|it| Namespace { kind: LinuxNamespaceType::Network, fd: it.namespace() })
        .collect();
    let bundle = with_gateway(&order.bundle, wiring.as_ref());
    let started = start(&bundle, cgroup, &namespaces)?;
    wait(&started, wiring.as_mut())
}

/// The step's own network; `None`: it has the host's.
fn wiring(order: &Order) -> Result<Option<Wiring>> {
    if let Some(roots) = &order.bridge {
        return Wiring::bridge(roots).map(Some);
    }
    let namespaces = order.bundle.spec.linux().as_ref().and_then(|it| it.namespaces().as_ref());
    let own = |it: &oci_spec::runtime::LinuxNamespace| it.typ() == LinuxNamespaceType::Network;
    match namespaces.is_some_and(|all| all.iter().any(own)) {
        true => Wiring::loopback().map(Some),
        false => Ok(None),
    }
}

/// `host-gateway` in `/etc/hosts` is the host as the step sees it: only now is that known.
fn with_gateway(bundle: &Bundle, wiring: Option<&Wiring>) -> Bundle {
    let gateway =
        wiring.and_then(Wiring::gateway).map_or("127.0.0.1".to_owned(), |it| it.to_string());
    let mut bundle = bundle.clone();
    for file in &mut bundle.contents {
        if file.target == Path::new("/etc/hosts") {
            let text = String::from_utf8_lossy(&file.data);
            file.data = text.replace("\nhost-gateway\t", &format!("\n{gateway}\t")).into_bytes();
        }
    }
    bundle
}

fn start(bundle: &Bundle, cgroup: &Cgroup, namespaces: &[Namespace<'_>]) -> Result<Started> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let null = null.map_err(io::Error::from).context(|| "cannot open /dev/null".to_owned())?;
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let stdio =
        Stdio::Pipes { stdin: null.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
    runtime::start(bundle, &Setup { cgroup, namespaces, mounts: &[], stdio })
}

/// Waits for the program, or for the builder to go away: then the program goes too. Meanwhile
/// answers its questions for names.
fn wait(started: &Started, mut wiring: Option<&mut Wiring>) -> Result<u8> {
    loop {
        let (ended, abandoned) = until_something(started, wiring.as_deref())?;
        if abandoned {
            // It may have ended by itself just now.
            let _ =
                rustix::process::pidfd_send_signal(&started.pidfd, rustix::process::Signal::KILL);
        }
        if ended || abandoned {
            return reap(started);
        }
        if let Some(wiring) = &mut wiring {
            wiring.answer();
        }
    }
}

/// Whether the program has ended, and whether the builder is gone.
fn until_something(started: &Started, wiring: Option<&Wiring>) -> Result<(bool, bool)> {
    let stdin = io::stdin();
    let names = wiring.and_then(Wiring::names);
    let mut events =
        vec![PollFd::new(&started.pidfd, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
    events.extend(names.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
    let patience = wiring.and_then(Wiring::patience).map(|time| Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    });
    match poll(&mut events, patience.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => {
            return Err(Error::other("cannot wait for a build step").with_source(error));
        }
    }
    Ok((!events[0].revents().is_empty(), !events[1].revents().is_empty()))
}

fn reap(started: &Started) -> Result<u8> {
    let status =
        rustix::process::waitid(WaitId::PidFd(started.pidfd.as_fd()), WaitIdOptions::EXITED)
            .map_err(io::Error::from)
            .context(|| "cannot wait for a build step".to_owned())?;
    Ok(status.as_ref().map_or(1, code))
}

/// As shells count: a signal is 128 and its number.
fn code(status: &WaitIdStatus) -> u8 {
    let exited = status.exit_status();
    let signalled = status.terminating_signal().map(|signal| 128 + signal);
    exited.or(signalled).map_or(1, |code| (code & 0xff) as u8)
}

/// Shows a file or directory of a tree at its point. The path is walked inside the tree, and what
/// is mounted is what the walk found, whatever happens to names meanwhile (CVE-2024-23651).
fn attach(graft: &Graft) -> Result<()> {
    let describe = || format!("cannot mount {}", graft.source.display());
    let tree = match &graft.tree {
        TreeSource::Directory(path) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::openat(CWD, path, flags, Mode::empty())
                .map_err(io::Error::from)
                .context(describe)?
        }
        TreeSource::Layers { lowers, upper, work } => rootfs::make(&Rootfs::Overlay {
            lowers: lowers.clone(),
            upper: Some(upper.clone()),
            work: Some(work.clone()),
            volatile: true,
        })?,
    };
    // A detached mount can only be copied from Linux 6.15 on, an attached one always.
    let base = graft.point.with_extension("tree");
    if matches!(graft.tree, TreeSource::Layers { .. }) {
        let at = make_point(&base, true).context(describe)?;
        mount::attach(tree.as_fd(), at.as_fd()).context(describe)?;
    }
    let found = Root::new(tree).open(&graft.source, OFlags::PATH).context(describe)?;
    let stat = rustix::fs::fstat(&found).map_err(io::Error::from).context(describe)?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let point = make_point(&graft.point, is_directory).context(describe)?;
    let copy = mount::copy(found.as_fd(), "", false).context(describe)?;
    mount::attach(copy.as_fd(), point.as_fd()).context(describe)
}

fn make_point(path: &Path, directory: bool) -> io::Result<OwnedFd> {
    match directory {
        true => std::fs::create_dir_all(path)?,
        false => drop(std::fs::File::create(path)?),
    }
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}
