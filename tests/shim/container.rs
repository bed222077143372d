//! One container of busybox, in state roots of its own, started by its shim.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use compose::base::{ContainerId, Result};
use compose::resource::container::Status;
use compose::resource::log::LogOptions;
use compose::resource::network::NetworkMode;
use compose::resource::process::Process;
use compose::resource::{ContainerSpec, State};
use compose::runtime::{Bundle, Rootfs};
use compose::shim::client::{self, Client};
use compose::shim::log::Reader;
use compose::shim::protocol::{Reply, Request};
use compose::shim::{self};
use compose::state::lock::await_free;
use compose::state::{self, ContainerDir, Durability, Roots};
use oci_spec::runtime::Spec;

/// Long enough for a loaded machine, and never waited for when all is well.
const LIMIT: Duration = Duration::from_secs(60);

/// A container that was created.
pub struct Container {
    pub id: ContainerId,
    pub dir: ContainerDir,
    pub roots: Roots,
    _root: tempfile::TempDir,
}

/// What to run, with nothing but a loopback device.
pub fn spec(script: &str) -> ContainerSpec {
    ContainerSpec {
        name: "test-1".to_owned(),
        process: Process {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            ..Process::default()
        },
        network: NetworkMode::None,
        ..ContainerSpec::default()
    }
}

impl Container {
    /// Writes specification and bundle.
    pub fn create(spec: &ContainerSpec) -> Container {
        assert!(rustix::process::geteuid().is_root(), "these tests need root");
        let root = tempfile::Builder::new().prefix("compose-shim-").tempdir().unwrap();
        let path = root.path().to_owned();
        let roots = Roots::open(|name| match name {
            "COMPOSE_DATA_ROOT" => Some(path.join("data")),
            _ => Some(path.join("run")),
        })
        .unwrap();
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        bytes[0] = 0xab;
        let id = ContainerId::from_random(bytes).unwrap();
        let dir = roots.container(&id);
        state::roots::make_dir(dir.data()).unwrap();
        let rootfs = root.path().join("rootfs");
        busybox(&rootfs);
        state::write(&dir.spec(), spec, Durability::Process).unwrap();
        state::write(&dir.bundle(), &bundle(spec, &id, &rootfs), Durability::Process).unwrap();
        Container { id, dir, roots, _root: root }
    }

    pub fn start(&self) -> Result<Status> {
        self.start_attached(None)
    }

    pub fn start_attached(&self, attachment: Option<OwnedFd>) -> Result<Status> {
        let program = std::fs::File::open(env!("CARGO_BIN_EXE_compose")).unwrap();
        shim::spawn_from(program.as_fd(), &self.dir, attachment)
    }

    pub fn request(&self, request: &Request) -> Result<Reply> {
        client::request(&self.dir, request)
    }

    /// Stops it at once.
    pub fn kill(&self) {
        self.request(&Request::Kill { signal: "SIGKILL".to_owned() }).unwrap();
    }

    /// Waits until a status shows what is wanted, and returns it.
    pub fn await_status(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        let watch = client::watch(&self.dir).unwrap();
        await_status(&watch, wanted)
    }

    /// Waits for the shim's end, and returns the record it left.
    pub fn end(&self) -> Status {
        if let Ok(watch) = client::watch(&self.dir) {
            while watch.receive().unwrap().is_some() {}
        }
        self.await_gone();
        state::read(&self.dir.exit()).unwrap().expect("an exit record")
    }

    /// Waits until nothing of its shim is left. What asks while the directory is being deleted
    /// finds no socket any more.
    pub fn await_gone(&self) {
        let end = Instant::now() + LIMIT;
        while self.dir.run().exists() {
            assert!(Instant::now() < end, "the shim leaves its directory");
            await_free(&self.dir.alive()).unwrap();
            std::thread::yield_now();
        }
    }

    /// Everything it has printed, as text.
    pub fn log(&self) -> String {
        let mut reader = Reader::open(&self.dir, LogOptions::default()).unwrap();
        read_all(&mut reader)
    }

    /// The cgroup directories that exist for it.
    pub fn cgroups(&self) -> Vec<std::path::PathBuf> {
        crate::cgroup::directories(format!("compose/{}", self.id.as_str()))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if client::status(&self.dir).is_ok() {
            let kill = Request::Stop {
                signal: Some("SIGKILL".to_owned()),
                grace_ms: Some(0),
                keep: false,
            };
            let _ = self.request(&kill);
        }
        let _ = shim::recover(&self.dir, &self.id);
    }
}

/// The first status on `watch` that shows what is wanted.
pub fn await_status(watch: &Client, wanted: impl Fn(&Status) -> bool) -> Status {
    let start = Instant::now();
    let mut seen = Vec::new();
    while let Some((reply, _)) = watch.receive().unwrap() {
        if let Reply::Status(status) = reply {
            if wanted(&status) {
                return *status;
            }
            seen.push(status);
        }
        assert!(start.elapsed() < LIMIT, "waited too long: {seen:#?}");
    }
    panic!("the shim ended before that: {seen:#?}");
}

pub fn read_all(reader: &mut Reader) -> String {
    let mut text = Vec::new();
    loop {
        let records = reader.read().unwrap();
        if records.is_empty() {
            return String::from_utf8(text).unwrap();
        }
        text.extend(records.into_iter().flat_map(|record| record.text));
    }
}

/// The state word of a status.
pub fn is(state: State) -> impl Fn(&Status) -> bool {
    move |status| status.state == state
}

fn busybox(rootfs: &Path) {
    for dir in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        std::fs::create_dir_all(rootfs.join(dir)).unwrap();
    }
    std::fs::copy("/bin/busybox", rootfs.join("bin/busybox")).expect("busybox-static is installed");
    for applet in ["sh", "cat", "echo", "head", "yes", "sleep", "ls", "stty", "true", "seq", "tail"]
    {
        symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
    }
    std::fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").unwrap();
}

fn bundle(spec: &ContainerSpec, id: &ContainerId, rootfs: &Path) -> Bundle {
    let mut oci = serde_json::to_value(Spec::default()).unwrap();
    oci["process"]["args"] = spec.process.argv.clone().into();
    oci["process"]["terminal"] = spec.process.tty.into();
    oci["process"]["env"] = ["PATH=/bin"].as_slice().into();
    oci["process"]["rlimits"] = serde_json::Value::Null;
    oci["root"]["readonly"] = false.into();
    oci["linux"]["cgroupsPath"] = format!("compose/{id}").into();
    if let Some(memory) = spec.limits.memory {
        oci["linux"]["resources"]["memory"]["limit"] = memory.0.into();
    }
    Bundle {
        spec: serde_json::from_value(oci).unwrap(),
        rootfs: Rootfs::Directory { path: rootfs.to_owned() },
        ..Bundle::default()
    }
}
