//! A machine on which a reader of tutorials types.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::world::{COMPOSE, Done, World, eventually};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// A slow machine starts a database in well under this.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Images of Docker Hub that no package has: made from those that are there.
const FORGED: [(&str, &str); 7] = [
    ("ubuntu:latest", "FROM debian:bookworm-slim\nCMD [\"bash\"]\n"),
    ("debian:latest", "FROM debian:bookworm-slim\n"),
    ("alpine:latest", "FROM busybox\nCMD [\"/bin/sh\"]\n"),
    ("hello-world:latest", "FROM busybox\nCMD [\"echo\", \"Hello from Docker!\"]\n"),
    (
        "centos:centos8.4.2105",
        "FROM busybox\nCOPY <<END /etc/centos-release\nCentOS Linux release 8.4.2105\nEND\nCMD [\"/bin/sh\"]\n",
    ),
    ("nginx:1.28.0", "FROM nginx:latest\n"),
    ("php:apache", "FROM wordpress:latest\nENTRYPOINT []\nCMD [\"apache2-foreground\"]\n"),
];

/// The machine, with Docker Hub on its loopback.
pub struct Tutorial {
    pub world: World,
    bin: PathBuf,
}

impl Tutorial {
    /// A machine with these images in its Docker Hub, besides the fixtures, and none of its own.
    pub fn new(forged: &[&str]) -> Tutorial {
        let world = World::without_images();
        let bin = world.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["docker", "docker-compose"] {
            symlink(COMPOSE, bin.join(name)).unwrap();
        }
        let tutorial = Tutorial { world, bin };
        tutorial.start_hub();
        for name in forged {
            tutorial.forge(name);
        }
        tutorial
    }

    /// The fixtures' registry with a storage of its own, which shares the fixtures' files.
    fn start_hub(&self) {
        let cache = std::env::var("COMPOSE_FIXTURE_CACHE");
        let cache = cache.unwrap_or_else(|_| "/var/cache/compose-fixtures".to_owned());
        let (from, hub) = (format!("{cache}/registry/storage/docker/registry/v2"), self.hub());
        let to = hub.join("storage/docker/registry/v2");
        let (to, hub) = (to.display(), hub.display());
        // Blobs never change; names do.
        let script = format!(
            "mkdir -p {to} && (cp -al {from}/blobs {to} 2>/dev/null || cp -a {from}/blobs {to}) && \
             cp -a {from}/repositories {to} && {REPOSITORY}/tests/support/registry.sh start {hub}"
        );
        self.world.shell(&script).ok();
    }

    fn hub(&self) -> PathBuf {
        self.world.path().join("hub")
    }

    /// Builds an image and pushes it, in a store of its own.
    fn forge(&self, name: &str) {
        let (_, dockerfile) = FORGED.iter().find(|(forged, _)| *forged == name).unwrap();
        let dir = self.world.path().join("forge");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("Dockerfile"), dockerfile).unwrap();
        let name = format!("127.0.0.1:5000/library/{name}");
        for line in [format!("docker build -q -t {name} ."), format!("docker push -q {name}")] {
            let mut command = self.command(&dir, &line);
            command.env("COMPOSE_DATA_ROOT", dir.join("data"));
            self.world.run(command.env("COMPOSE_RUN_ROOT", dir.join("run"))).ok();
        }
    }

    fn command(&self, dir: &Path, line: &str) -> std::process::Command {
        let mut command = self.world.command(dir, "sh");
        command.args(["-c", line]);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.bin.display()));
        command
    }

    /// Types a line in a directory of the machine, which is made if it is not there.
    pub fn types_in(&self, dir: &str, line: &str) -> Done {
        let dir = self.dir(dir);
        self.world.run(&mut self.command(&dir, line))
    }

    /// Types a line in the reader's first directory.
    pub fn types(&self, line: &str) -> Done {
        self.types_in("work", line)
    }

    /// Types a line at a terminal, and then what `keys` says.
    pub fn types_at_terminal(&self, line: &str, keys: &str) -> Done {
        self.types(&format!("printf '{keys}' | script -qec '{line}' /dev/null"))
    }

    /// A directory of the machine.
    pub fn dir(&self, name: &str) -> PathBuf {
        let dir = self.world.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// Writes a file into a directory of the machine.
    pub fn write(&self, dir: &str, name: &str, text: &str) {
        fs::write(self.dir(dir).join(name), text).unwrap();
    }

    /// What an address answers.
    pub fn page(&self, url: &str) -> String {
        self.world.shell(&format!("curl -s --max-time 5 {url}")).stdout
    }

    /// Waits until an address answers with `part`.
    pub fn sees(&self, url: &str, part: &str) {
        eventually(&format!("{url} says {part}"), LIMIT, || self.page(url).contains(part));
    }

    /// Removes every container, and looks whether anything is left of them.
    pub fn leave(self) {
        self.types("docker ps -aq | xargs -r docker rm -fv >/dev/null; docker network prune -f; docker network rm bridge");
        let hub = self.hub();
        self.world
            .shell(&format!("{REPOSITORY}/tests/support/registry.sh stop {}", hub.display()))
            .ok();
        self.world.assert_clean();
    }
}

impl Drop for Tutorial {
    /// The registry of a test that failed must not outlive it.
    fn drop(&mut self) {
        let hub = self.hub();
        self.world.shell(&format!("{REPOSITORY}/tests/support/registry.sh stop {}", hub.display()));
    }
}
