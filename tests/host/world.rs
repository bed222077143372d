//! One test's own machine: network and mount namespaces, state roots, project directories.
//!
//! Commands of the product run inside with `nsenter`, exactly as a user would type them. At the
//! end [`World::assert_clean`] compares the kernel's inventory with nothing: what the test began
//! must all be gone.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program under test.
pub const COMPOSE: &str = env!("CARGO_BIN_EXE_compose");

/// How long something may take on a busy machine; waited for only when it never comes.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A machine within the machine.
pub struct World {
    root: tempfile::TempDir,
    holder: Child,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Done {
    pub stdout: String,
    pub stderr: String,
    /// Exit code; 128+n after signal n.
    pub code: i32,
}

impl World {
    /// Makes namespaces and empty state roots, with the busybox image in the store.
    pub fn new() -> World {
        let world = World::without_images();
        let tar = fixture("busybox");
        let image =
            ["image", "import", tar.to_str().unwrap(), "busybox:latest", "-c", "CMD [\"sh\"]"];
        world.compose_in(world.path(), &image).ok();
        world
    }

    /// Makes namespaces and empty state roots.
    pub fn without_images() -> World {
        assert!(rustix::process::geteuid().is_root(), "host tests need root");
        let root = tempfile::Builder::new().prefix("compose-host-").tempdir().unwrap();
        let ready = root.path().join("ready");
        let script = format!("ip link set lo up && : > {} && exec sleep infinity", ready.display());
        let holder = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .expect("unshare of util-linux is installed");
        let world = World { root, holder };
        eventually("the namespaces exist", LIMIT, || ready.exists());
        fs::create_dir(world.path().join("project")).unwrap();
        world
    }

    /// The test's own directory.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// The default project's directory.
    pub fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// Writes the default project's compose file.
    pub fn compose_yaml(&self, text: &str) {
        fs::write(self.project().join("compose.yaml"), text).unwrap();
    }

    /// Runs `compose` in the default project.
    pub fn compose(&self, arguments: &[&str]) -> Done {
        self.compose_in(&self.project(), arguments)
    }

    /// Runs `compose` in `dir`.
    pub fn compose_in(&self, dir: &Path, arguments: &[&str]) -> Done {
        self.run(self.command(dir, COMPOSE).args(arguments))
    }

    /// Brings the default project up from this compose file.
    #[track_caller]
    pub fn up(&self, yaml: &str) {
        self.compose_yaml(yaml);
        self.compose(&["up", "-d"]).ok();
    }

    /// What a shell prints inside of a service of the default project.
    #[track_caller]
    pub fn inside(&self, service: &str, script: &str) -> String {
        self.compose(&["exec", "-T", service, "sh", "-c", script]).ok().text().to_owned()
    }

    /// Takes the default project down, and fails unless everything is gone.
    #[track_caller]
    pub fn down(&self) {
        self.compose(&["down", "-v", "-t", "1"]).ok();
        self.assert_clean();
    }

    /// Runs any program inside the namespaces.
    pub fn shell(&self, script: &str) -> Done {
        self.run(self.command(self.path(), "sh").args(["-c", script]))
    }

    /// A program that will run inside the namespaces, in `dir`, with this world's state roots.
    pub fn command(&self, dir: &Path, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        // Entering a mount namespace leaves the caller's directory: `--wd` sets it after that.
        let (holder, dir) = (self.holder.id().to_string(), format!("--wd={}", dir.display()));
        command.args(["-t", &holder, "-n", "-m", &dir, "--", program]);
        command.env_remove("COMPOSE_FILE").env_remove("COMPOSE_PROJECT_NAME");
        command.env("COMPOSE_DATA_ROOT", self.path().join("data"));
        command.env("COMPOSE_RUN_ROOT", self.path().join("run"));
        command.env("HOME", self.path());
        command.env("COMPOSE_MIRRORS", "docker.io=http://127.0.0.1:5000");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, and prints it for the transcript of a failed test.
    pub fn run(&self, command: &mut Command) -> Done {
        let words = command.get_args().skip(6).map(|word| word.to_string_lossy().into_owned());
        let line = words.collect::<Vec<_>>().join(" ");
        let done = Done::from(command.output().expect("nsenter runs"));
        println!("$ {line}\n{}{}[{}]", done.stdout, done.stderr, done.code);
        done
    }

    /// Processes whose environment names this world's data root: shims and everything they started
    /// before their payload's environment took over.
    pub fn shims(&self) -> Vec<i32> {
        let data = self.path().join("data");
        processes(|cmdline| cmdline.contains("__shim") && cmdline.contains(data.to_str().unwrap()))
    }

    /// Fails unless everything that containers and networks are made of is gone.
    pub fn assert_clean(&self) {
        let limit = LIMIT;
        eventually("no shim is left", limit, || self.shims().is_empty());
        eventually("no bridge or veth is left", limit, || {
            let links = self.shell("ip -o link | grep -vc ': lo:'").stdout;
            links.trim() == "0"
        });
        let table = self.shell("nft list table inet compose 2>/dev/null").stdout;
        assert!(!table.contains("elements"), "elements are left in nftables:\n{table}");
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", self.holder.id())).unwrap();
        assert!(!mounts.contains(self.path().to_str().unwrap()), "mounts are left:\n{mounts}");
        let containers = list(&self.path().join("data/containers"));
        let left: Vec<_> = containers.iter().filter(|name| name.len() == 64).collect();
        assert!(left.is_empty(), "container directories are left: {left:?}");
        for dir in ["data/gc", "data/tmp", "data/containers/names", "run/containers"] {
            assert_eq!(list(&self.path().join(dir)), [""; 0], "files are left in {dir}");
        }
    }
}

impl Drop for World {
    /// Ends whatever still runs: by cgroup, by shim, by namespace.
    fn drop(&mut self) {
        for shim in self.shims() {
            kill(shim);
        }
        let namespace = fs::read_link(format!("/proc/{}/ns/net", self.holder.id())).ok();
        // Containers have other namespaces than the holder; their shims' children die by cgroup.
        for name in list(&self.path().join("data/containers")) {
            let script = format!(
                "cd /sys/fs/cgroup; \
                 cat compose/{name}/cgroup.procs */compose/{name}/cgroup.procs 2>/dev/null"
            );
            let found = Command::new("sh").args(["-c", &script]).output().unwrap();
            let pids = String::from_utf8_lossy(&found.stdout).into_owned();
            pids.lines().filter_map(|pid| pid.parse().ok()).for_each(kill);
        }
        drop(namespace);
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

impl Done {
    /// Fails unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Done {
        assert_eq!(self.code, 0, "failed:\n{}{}", self.stdout, self.stderr);
        self
    }

    /// Standard output without its last newline.
    pub fn text(&self) -> &str {
        self.stdout.trim_end()
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        let status = output.status;
        Done {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        }
    }
}

/// Waits until `check` holds; fails after `limit`.
#[track_caller]
pub fn eventually(what: &str, limit: Duration, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Root file system archive of a fixture image, made by `fixtures/images/build.sh`.
pub fn fixture(image: &str) -> PathBuf {
    let cache = std::env::var_os("COMPOSE_FIXTURE_CACHE");
    let cache = cache.map_or_else(|| PathBuf::from("/var/cache/compose-fixtures"), PathBuf::from);
    let tar = cache.join(format!("{image}.tar"));
    assert!(tar.exists(), "{} is missing: run fixtures/images/build.sh", tar.display());
    tar
}

/// Ids of processes whose command line fits.
pub fn processes(fits: impl Fn(&str) -> bool) -> Vec<i32> {
    let pids = list(Path::new("/proc")).into_iter().filter_map(|name| name.parse::<i32>().ok());
    pids.filter(|pid| {
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        fits(&String::from_utf8_lossy(&cmdline).replace('\0', " "))
    })
    .collect()
}

/// Ends a process the hard way.
pub fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // It may have ended by itself in between.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Names in a directory, sorted; none if it does not exist.
pub fn list(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
