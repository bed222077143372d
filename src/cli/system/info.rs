//! `info`: this machine, as the engine sees it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::cli::ui::template::Format;
use crate::cli::{Context, Exit, Result};
use crate::docker::info::{Containers, Machine};
use crate::docker::{go_json, human};
use crate::engine::Engine;
use crate::resource::container::State;
use crate::resource::observed::Scope;

/// Show what this machine is and has
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose info
  compose info -f '{{.ContainersRunning}} of {{.Containers}} run'
  compose info -f json")]
pub struct Info {
    /// A Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Info {
    /// Prints it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let shape = shape(cx).await?;
        match self.format.as_deref() {
            None | Some("") => cx.output().print(text(&shape))?,
            Some("json") => cx.output().print_line(go_json(&shape))?,
            Some(template) => {
                let text = Format::verbatim(template)?.render(&shape, &BTreeMap::new())?;
                cx.output().print_line(text)?;
            }
        }
        Ok(Exit::Success)
    }
}

/// Looks at this machine, and puts what it sees in Docker's shape.
async fn shape(cx: &Context<impl Engine>) -> Result<Json> {
    let observed = cx.engine()?.observe(&Scope::default()).await?;
    let count = |states: &[State]| {
        observed
            .containers
            .iter()
            .filter(|container| states.contains(&container.status.state))
            .count()
    };
    let containers = Containers {
        all: observed.containers.len(),
        running: count(&[State::Running, State::Restarting]),
        paused: count(&[State::Paused]),
        images: cx.images()?.list()?.len(),
    };
    let machine = machine(cx.roots()?.data());
    Ok(crate::docker::info::shape(&machine, &containers, Timestamp::now()))
}

/// What the kernel and the distribution say of themselves.
fn machine(data: &Path) -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let release = read("/etc/os-release");
    let field = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let memory = read("/proc/meminfo");
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let uname = rustix::system::uname();
    Machine {
        system: field("PRETTY_NAME"),
        version: field("VERSION_ID"),
        kernel: uname.release().to_string_lossy().into_owned(),
        name: uname.nodename().to_string_lossy().into_owned(),
        processor: uname.machine().to_string_lossy().into_owned(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: kib.unwrap_or(0) * 1024,
        cgroups: if unified { 2 } else { 1 },
        data: data.to_owned(),
    }
}

fn text(shape: &Json) -> String {
    let word = |name: &str| match &shape[name] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let memory = human::memory(shape["MemTotal"].as_u64().unwrap_or(0));
    let own = env!("CARGO_PKG_VERSION");
    let lines = [
        ("Containers", word("Containers")),
        (" Running", word("ContainersRunning")),
        (" Paused", word("ContainersPaused")),
        (" Stopped", word("ContainersStopped")),
        ("Images", word("Images")),
        ("Server Version", format!("{} (compose {own}, without a daemon)", word("ServerVersion"))),
        ("Storage Driver", word("Driver")),
        ("Logging Driver", word("LoggingDriver")),
        ("Cgroup Driver", word("CgroupDriver")),
        ("Cgroup Version", word("CgroupVersion")),
        ("Default Runtime", word("DefaultRuntime")),
        ("Kernel Version", word("KernelVersion")),
        ("Operating System", word("OperatingSystem")),
        ("OSType", word("OSType")),
        ("Architecture", word("Architecture")),
        ("CPUs", word("NCPU")),
        ("Total Memory", memory),
        ("Name", word("Name")),
        ("Docker Root Dir", word("DockerRootDir")),
    ];
    let server: String = lines
        .iter()
        .map(|(name, value)| {
            let indented = name.trim_start();
            let blanks = name.len() - indented.len() + 1;
            format!("{:blanks$}{indented}: {value}\n", "")
        })
        .collect();
    format!("Client:\n Version: {}\n Context: default\n\nServer:\n{server}", word("ServerVersion"))
}
