//! A real registry (Debian's `docker-registry`) in a world of its own.

use std::fs;
use std::process::{Child, Stdio};

use crate::world::{LIMIT, World, eventually};

/// A registry on the world's loopback device.
pub struct Registry(Child);

impl Drop for Registry {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Where it answers.
pub const PLACE: &str = "127.0.0.1:5055";

impl Registry {
    /// Starts one; `more` is added to its configuration.
    pub fn start(world: &World, more: &str, scheme: &str) -> Registry {
        let root = world.path().join("registry");
        fs::create_dir_all(&root).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {0}/data}}\n\
             http:\n  addr: {PLACE}\n{1}",
            root.display(),
            more.replace("DIR", &root.display().to_string()),
        );
        fs::write(root.join("config.yml"), config).unwrap();
        let mut command = world.command(&root, "docker-registry");
        command.args(["serve", "config.yml"]).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let registry = Registry(process);
        let ask = format!("curl -sko /dev/null {scheme}://{PLACE}/v2/");
        eventually("the registry answers", LIMIT, || world.shell(&ask).code == 0);
        registry
    }
}
