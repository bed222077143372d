//! `info`: this machine, as the engine sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::base::Result as BaseResult;
use crate::cli::docker::{SPOKEN, architecture};
use crate::cli::ui::human;
use crate::cli::ui::template::{Format, go_json};
use crate::cli::{Context, Exit, Result};
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

/// What can be limited; all of it here.
const LIMITS: [&str; 8] = [
    "MemoryLimit",
    "SwapLimit",
    "CpuCfsPeriod",
    "CpuCfsQuota",
    "CPUShares",
    "CPUSet",
    "PidsLimit",
    "IPv4Forwarding",
];

/// Docker: the Info object of the Engine API, as far as it says something about this machine.
async fn shape(cx: &Context<impl Engine>) -> Result<Json> {
    let observed = cx.engine()?.observe(&Scope::default()).await?;
    let images = cx.images()?.list()?.len();
    let count = |states: &[State]| {
        observed.containers.iter().filter(|it| states.contains(&it.status.state)).count()
    };
    let uname = rustix::system::uname();
    let machine = Machine::look()?;
    let roots = cx.roots()?;
    let (running, paused) = (count(&[State::Running, State::Restarting]), count(&[State::Paused]));
    let total = observed.containers.len();
    let mut shape = json!({
        "ID": "",
        "Containers": total,
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": total - running - paused,
        "Images": images,
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "as of the data directory"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": null,
            "Log": ["json-file", "local", "none"],
        },
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": machine.cgroups.to_string(),
        "KernelVersion": uname.release().to_string_lossy(),
        "OperatingSystem": machine.system,
        "OSVersion": machine.version,
        "OSType": "linux",
        "Architecture": uname.machine().to_string_lossy(),
        "NCPU": machine.processors,
        "MemTotal": machine.memory,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "DockerRootDir": roots.data(),
        "Name": uname.nodename().to_string_lossy(),
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": SPOKEN,
        "Runtimes": { "compose": { "path": "compose" } },
        "DefaultRuntime": "compose",
        "Swarm": { "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive",
            "ControlAvailable": false, "Error": "", "RemoteManagers": null },
        "LiveRestoreEnabled": true,
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "Warnings": null,
        "ClientInfo": {
            "Debug": false,
            "Version": SPOKEN, "Platform": { "Name": "compose" }, "Context": "default",
            "Os": std::env::consts::OS, "Arch": architecture(), "Plugins": [], "Warnings": null,
        },
    });
    if let (Json::Object(fields), Json::Object(rest)) = (&mut shape, daemonless()) {
        fields.extend(rest);
    }
    for limit in LIMITS {
        shape[limit] = Json::Bool(true);
    }
    Ok(shape)
}

/// What Docker tells of its daemon and its helpers: there are none here.
fn daemonless() -> Json {
    json!({
        "Debug": false,
        "SystemTime": Timestamp::now().to_string(),
        "NFd": 0,
        "NGoroutines": 0,
        "NEventsListener": 0,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Isolation": "",
        "InitBinary": "compose",
        "InitCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "ContainerdCommit": {"ID": ""},
        "GenericResources": null,
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "FirewallBackend": {"Driver": "nftables"},
    })
}

/// What the kernel and the distribution say of themselves.
struct Machine {
    system: String,
    version: String,
    processors: usize,
    /// Bytes.
    memory: u64,
    /// Version of control groups.
    cgroups: u8,
}

impl Machine {
    fn look() -> BaseResult<Machine> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let release = read("/etc/os-release");
        let field = |name: &str| {
            let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let memory = read("/proc/meminfo");
        let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = total.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        let unified = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        Ok(Machine {
            system: field("PRETTY_NAME"),
            version: field("VERSION_ID"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory: kib.unwrap_or(0) * 1024,
            cgroups: if unified { 2 } else { 1 },
        })
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
