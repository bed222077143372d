//! `pause resume update`.

use std::io::Read;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::base::{Context, Error, Kind, Result};
use crate::cli::oci::Setting;
use crate::oci::{self, Change, Container};

/// Freeze all processes of a container
#[derive(clap::Args, Debug)]
pub(super) struct Pause {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Pause {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        Container::open(&setting.root, &self.id)?.pause()?;
        setting.log.debug(|| format!("{}: is frozen", self.id));
        Ok(0)
    }
}

/// Let all processes of a container run again
#[derive(clap::Args, Debug)]
pub(super) struct Resume {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Resume {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        Container::open(&setting.root, &self.id)?.resume()?;
        setting.log.debug(|| format!("{}: runs again", self.id));
        Ok(0)
    }
}

/// Change a container's limits
///
/// Sizes are bytes, with or without a unit such as 64m; -1 takes a limit away.
#[derive(clap::Args, Debug)]
pub(super) struct Update {
    /// Read limits from this file, as in linux.resources of config.json (-: standard input)
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,

    /// Share of I/O, from 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,

    /// Length of a period for the CPU quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,

    /// CPU time in a period, in microseconds
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,

    /// CPU time that may be saved up, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_burst: Option<u64>,

    /// Share of CPU time against other containers
    #[arg(long, value_name = "SHARES")]
    cpu_share: Option<u64>,

    /// Length of a period for real-time scheduling, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<u64>,

    /// Real-time CPU time in a period, in microseconds
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_rt_runtime: Option<i64>,

    /// Run only when the CPU is idle (1), or as usual (0)
    #[arg(long, value_name = "0|1")]
    cpu_idle: Option<i64>,

    /// CPUs it may run on, as in 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,

    /// Memory nodes it may use, as in 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,

    /// Memory
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    memory: Option<String>,

    /// Memory that is left to it when there is little
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    memory_reservation: Option<String>,

    /// Memory and swap together
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    memory_swap: Option<String>,

    /// Processes and threads
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    pids_limit: Option<i64>,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Update {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let container = Container::open(&setting.root, &self.id)?;
        let text = self.resources.as_ref().map(read).transpose()?;
        let resources = oci::resources(text.as_deref(), &self.changes()?)?;
        let warnings = container.update(&resources)?;
        setting.log.debug(|| {
            format!(
                "{}: new limits: {}",
                self.id,
                serde_json::to_string(&resources).unwrap_or_default()
            )
        });
        warnings.iter().for_each(|text| setting.log.warning(text));
        Ok(0)
    }

    fn changes(&self) -> Result<Vec<Change>> {
        let memory = size(self.memory.as_deref())?;
        // Without a word on swap, what limited both goes, too.
        let swap = match (size(self.memory_swap.as_deref())?, &memory) {
            (None, Some(limit)) if *limit == json!(-1) => Some(json!(-1)),
            (swap, _) => swap,
        };
        let all = [
            ("blockIO", "weight", self.blkio_weight.map(Value::from)),
            ("cpu", "period", self.cpu_period.map(Value::from)),
            ("cpu", "quota", self.cpu_quota.map(Value::from)),
            ("cpu", "burst", self.cpu_burst.map(Value::from)),
            ("cpu", "shares", self.cpu_share.map(Value::from)),
            ("cpu", "realtimePeriod", self.cpu_rt_period.map(Value::from)),
            ("cpu", "realtimeRuntime", self.cpu_rt_runtime.map(Value::from)),
            ("cpu", "idle", self.cpu_idle.map(Value::from)),
            ("cpu", "cpus", self.cpuset_cpus.clone().map(Value::from)),
            ("cpu", "mems", self.cpuset_mems.clone().map(Value::from)),
            ("memory", "limit", memory),
            ("memory", "reservation", size(self.memory_reservation.as_deref())?),
            ("memory", "swap", swap),
            ("pids", "limit", self.pids_limit.map(Value::from)),
        ];
        let given = all
            .into_iter()
            .filter_map(|(group, name, value)| value.map(|value| Change { group, name, value }));
        Ok(given.collect())
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>> {
    let failed = || format!("cannot read {}", path.display());
    if path.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context(failed)?;
        return Ok(text);
    }
    std::fs::read(path).context(failed)
}

/// Bytes as the specification has them; -1 is unlimited.
fn size(text: Option<&str>) -> Result<Option<Value>> {
    let Some(text) = text else { return Ok(None) };
    if text == "-1" {
        return Ok(Some(json!(-1)));
    }
    let bytes: crate::base::Bytes =
        text.parse().map_err(|_| Error::new(Kind::Invalid, format!("invalid size {text:?}")))?;
    Ok(Some(json!(bytes.0)))
}
