//! A container for a test: an image of busybox, a specification to be changed, and what it said.

use std::fs;
use std::io::{PipeReader, Read, pipe};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use compose::base::{ContainerId, Error, Result};
use compose::engine::bundle::{Host, HostDevice, VolumeContent, bundle};
use compose::resource::ContainerSpec;
use compose::runtime::{self, Bundle, Cgroup, ExecSpec, Setup, Started, Stdio};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use tempfile::TempDir;

/// A container that is being described.
pub struct Container {
    pub spec: ContainerSpec,
    pub directory: TempDir,
    pub files: Vec<(String, PathBuf)>,
    /// The last word before the bundle is used.
    pub change: Box<dyn Fn(&mut Bundle)>,
}

/// What a program said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
    pub warnings: Vec<String>,
}

/// A container that runs.
pub struct Running {
    pub started: Started,
    pub cgroup: Option<Cgroup>,
    pub bundle: Bundle,
    out: PipeReader,
    err: PipeReader,
}

impl Container {
    /// A busybox container that runs `script` in a shell.
    pub fn sh(script: &str) -> Container {
        Container::new(&["sh", "-c", script])
    }

    pub fn new(argv: &[&str]) -> Container {
        let directory = tempfile::tempdir().expect("a directory for the test");
        make_image(&directory.path().join("image"));
        for part in ["upper", "work"] {
            fs::create_dir(directory.path().join(part)).expect("a directory");
        }
        let mut spec = ContainerSpec::default();
        spec.process.argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Container { spec, directory, files: Vec::new(), change: Box::new(|_| {}) }
    }

    /// A path in the image's layer.
    pub fn image(&self, path: &str) -> PathBuf {
        self.directory.path().join("image").join(path.trim_start_matches('/'))
    }

    pub fn bundle(&self) -> Bundle {
        let host = Host {
            id: &id(),
            lowers: vec![self.directory.path().join("image")],
            upper: self.directory.path().join("upper"),
            work: self.directory.path().join("work"),
            volatile: true,
            files: self.files.clone(),
            cgroup: PathBuf::from(format!("compose-test/{}", self.name())),
            volume: &|name| VolumeContent::Directory(self.directory.path().join(name)),
            image: &|_| Vec::new(),
            runtime: None,
            devices: &devices,
        };
        let mut bundle = bundle(&self.spec, &host).expect("a bundle");
        (self.change)(&mut bundle);
        bundle
    }

    fn name(&self) -> String {
        self.directory.path().file_name().expect("a name").to_string_lossy().into_owned()
    }

    pub fn start(&self) -> Result<Running> {
        let bundle = self.bundle();
        let cgroup = Cgroup::create(&bundle.cgroup()?, &bundle.resources())?;
        let ((out, stdout), (err, stderr)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let stdin = fs::File::open("/dev/null").expect("the null device");
        let stdio =
            Stdio::Pipes { stdin: stdin.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
        let started = runtime::start(
            &bundle,
            &Setup { cgroup: &cgroup, namespaces: &[], mounts: &[], stdio },
        );
        match started {
            Ok(started) => Ok(Running { started, cgroup: Some(cgroup), bundle, out, err }),
            Err(error) => {
                cgroup.remove().expect("the cgroup goes away");
                Err(error)
            }
        }
    }

    /// Starts it and waits for its end.
    pub fn run(&self) -> Said {
        self.start().unwrap_or_else(|error| panic!("cannot start: {error}")).wait()
    }

    /// What it prints, which must be without a complaint.
    pub fn out(&self) -> String {
        let said = self.run();
        assert_eq!((said.err.as_str(), said.code), ("", 0), "{}", said.out);
        said.out
    }

    /// Why it cannot be started.
    pub fn fails(&self) -> Error {
        match self.start() {
            Ok(running) => panic!("started: {:?}", running.wait()),
            Err(error) => error,
        }
    }
}

impl Running {
    pub fn wait(mut self) -> Said {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).expect("text");
        self.err.read_to_string(&mut err).expect("text");
        let code = code(&self.started);
        self.cgroup.take().expect("a cgroup").remove().expect("the cgroup goes away");
        Said { out, err, code, warnings: self.started.warnings.clone() }
    }

    pub fn cgroup(&self) -> &Cgroup {
        self.cgroup.as_ref().expect("a cgroup")
    }

    /// Runs `script` in it.
    pub fn exec(&self, exec: &ExecSpec) -> Result<Said> {
        let ((mut read, stdout), (mut read_err, stderr)) =
            (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let stdin = fs::File::open("/dev/null").expect("the null device");
        let stdio =
            Stdio::Pipes { stdin: stdin.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
        let init = self.started.pidfd.as_fd();
        let started = runtime::exec(init, &self.bundle, exec, self.cgroup(), &stdio)?;
        drop((stdout, stderr));
        let (mut out, mut err) = (String::new(), String::new());
        read.read_to_string(&mut out).expect("text");
        read_err.read_to_string(&mut err).expect("text");
        Ok(Said { out, err, code: code(&started), warnings: started.warnings })
    }

    /// Kills all of it.
    pub fn kill(self) -> Said {
        self.cgroup().kill().expect("it can be killed");
        self.wait()
    }

    /// Waits until it has printed a line.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.out.read(&mut byte).expect("output") == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("text")
    }
}

/// Waits for a program's end: its code, or 128 and its signal.
pub fn code(started: &Started) -> i32 {
    let status = waitid(WaitId::PidFd(started.pidfd.as_fd()), WaitIdOptions::EXITED)
        .expect("a child")
        .expect("its end");
    status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

pub fn exec(argv: &[&str]) -> ExecSpec {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    ExecSpec { argv, ..ExecSpec::default() }
}

fn id() -> ContainerId {
    "0123456789abcdef".repeat(4).parse().expect("an id")
}

fn devices(path: &str) -> Vec<(PathBuf, HostDevice)> {
    let fuse = HostDevice { block: false, major: 10, minor: 229, mode: 0o640, uid: 0, gid: 7 };
    match path {
        "/dev/fuse" => vec![(PathBuf::from(path), fuse)],
        _ => Vec::new(),
    }
}

fn make_image(image: &Path) {
    for directory in ["bin", "etc", "tmp", "home/web", "var/data/sub"] {
        fs::create_dir_all(image.join(directory)).expect("a directory");
    }
    fs::copy("/bin/busybox", image.join("bin/busybox"))
        .expect("busybox is missing: apt-get install busybox-static");
    for applet in [
        "sh", "cat", "ls", "id", "mount", "umount", "hostname", "sleep", "echo", "touch", "mkdir",
        "stat", "grep", "env", "pwd", "mknod", "true", "false", "dd", "readlink", "tty", "kill",
        "sort", "wc", "nproc", "dmesg", "head", "chmod", "ps", "cut", "stty", "find", "rm", "ln",
    ] {
        symlink("busybox", image.join("bin").join(applet)).expect("a link");
    }
    fs::write(
        image.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/home/web:/bin/sh\n",
    )
    .expect("a file");
    fs::write(image.join("etc/group"), "root:x:0:\nweb:x:33:\nlog:x:4:web\n").expect("a file");
    fs::write(image.join("var/data/sub/file"), "from the image\n").expect("a file");
    fs::set_permissions(image.join("tmp"), PermissionsExt::from_mode(0o1777)).expect("a mode");
}
