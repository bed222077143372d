//! A bundle and a root for containers of a test's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// One bundle, and everything around it.
pub struct World {
    pub directory: TempDir,
    pub config: Value,
}

/// What a command said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl World {
    /// A bundle whose program is `script`, for a shell.
    pub fn sh(script: &str) -> World {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let mut world = World { directory, config: Value::Null };
        make_root(&world.path("bundle/rootfs"));
        let bundle = world.path("bundle");
        let said = world.oci(&["spec", "--bundle", bundle.to_str().unwrap()]);
        assert_eq!((said.err.as_str(), said.code), ("", 0));
        let text = fs::read(world.path("bundle/config.json")).expect("a configuration");
        world.config = serde_json::from_slice(&text).expect("JSON");
        world.config["process"]["terminal"] = json!(false);
        world.config["process"]["args"] = json!(["sh", "-c", script]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file in the container's root.
    pub fn inside(&self, name: &str) -> PathBuf {
        self.path("bundle/rootfs").join(name)
    }

    /// A name that no other test uses.
    pub fn id(&self) -> String {
        let name = self.directory.path().file_name().expect("a name").to_string_lossy();
        format!("test{}", name.replace('.', "-"))
    }

    /// The container's state, as it is told.
    pub fn state(&self) -> Value {
        let said = self.oci(&["state", &self.id()]);
        assert_eq!((said.err.as_str(), said.code), ("", 0));
        serde_json::from_str(&said.out).expect("JSON")
    }

    /// The command `arguments`, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compose"));
        command.arg("oci").arg("--root").arg(self.path("run")).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    pub fn oci(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().expect("the program runs"))
    }

    /// Writes the configuration.
    pub fn write(&self) {
        fs::write(self.path("bundle/config.json"), self.config.to_string()).expect("a file");
    }

    /// The arguments of `create` or `run`.
    pub fn make(&self, what: &str, more: &[&str]) -> Command {
        self.write();
        let mut command = self.command(&[what, "--bundle"]);
        command.arg(self.path("bundle")).args(more).arg(self.id());
        command
    }

    /// Runs it to its end.
    pub fn run(&self) -> Said {
        said(&self.make("run", &[]).output().expect("the program runs"))
    }

    /// What it prints, without a complaint.
    pub fn out(&self) -> String {
        let said = self.run();
        assert_eq!((said.err.as_str(), said.code), ("", 0), "{}", said.out);
        said.out
    }

    /// Makes it; its output goes nowhere.
    pub fn create(&self) -> Said {
        let output = self.path("output");
        let file = fs::File::create(&output).expect("a file");
        let errors = file.try_clone().expect("a file");
        let status = self.make("create", &[]).stdout(file).stderr(errors).status();
        let err = fs::read_to_string(output).expect("text");
        Said { out: String::new(), err, code: status.expect("it runs").code().unwrap_or(-1) }
    }

    pub fn create_and_start(&self) {
        let said = self.create();
        assert_eq!((said.err.as_str(), said.code), ("", 0));
        let said = self.oci(&["start", &self.id()]);
        assert_eq!((said.err.as_str(), said.code), ("", 0));
    }

    /// Executes `script` in it.
    pub fn exec(&self, script: &str) -> Said {
        self.oci(&["exec", &self.id(), "sh", "-c", script])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Also of a test that failed half-way.
        let _ = self.command(&["delete", "--force", &self.id()]).output();
    }
}

pub fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    Said { out: text(&output.stdout), err: text(&output.stderr), code }
}

/// Asks until it is so.
pub fn eventually(what: &str, check: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !check() {
        assert!(std::time::Instant::now() < end, "it never came true: {what}");
        std::thread::yield_now();
    }
}

fn make_root(root: &Path) {
    for directory in ["bin", "etc", "proc", "sys", "dev", "tmp", "mnt"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    fs::copy("/bin/busybox", root.join("bin/busybox"))
        .expect("busybox is missing: apt-get install busybox-static");
    for applet in [
        "sh", "cat", "ls", "id", "mount", "umount", "sleep", "echo", "true", "env", "ps", "kill",
        "hostname", "stat", "readlink", "tty", "mknod", "grep", "head", "mkdir", "touch", "nice",
        "ulimit", "uname", "cut", "test", "wc", "ip", "chroot", "pwd", "stty", "dd", "ionice",
    ] {
        symlink("busybox", root.join("bin").join(applet)).expect("a link");
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n")
        .expect("a file");
    fs::write(root.join("etc/group"), "root:x:0:\n").expect("a file");
}
