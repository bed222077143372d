//! What a container may use: memory, processors, processes, block devices.

use crate::base::{Bytes, Error, Kind, Result};
use crate::compose::Service;
use crate::compose::model::{BlkioConfig, BlkioRate, BlkioWeight, Ulimit};
use crate::resource::ContainerSpec;

use super::changeable::Changeable;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    #[command(flatten)]
    changeable: Changeable,

    /// How readily its memory is swapped out, 0 to 100; -1: as the host does
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    memory_swappiness: Option<i64>,

    /// Do not kill it for lack of memory
    #[arg(long)]
    oom_kill_disable: bool,

    /// How soon it is killed for lack of memory, -1000 to 1000
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    oom_score_adj: Option<i64>,

    /// Limit of its processes, as in `nofile=1024:2048`
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    ulimit: Vec<String>,

    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<Bytes>,

    /// Share of one device, as in `/dev/sda:200`
    #[arg(long, value_name = "DEVICE:NUMBER")]
    blkio_weight_device: Vec<String>,

    /// Bytes read from a device a second, as in `/dev/sda:1mb`
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_read_bps: Vec<String>,

    /// Bytes written to a device a second
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_write_bps: Vec<String>,

    /// Reads from a device a second
    #[arg(long, value_name = "DEVICE:NUMBER")]
    device_read_iops: Vec<String>,

    /// Writes to a device a second
    #[arg(long, value_name = "DEVICE:NUMBER")]
    device_write_iops: Vec<String>,

    /// Parent control group
    #[arg(long, value_name = "PATH")]
    cgroup_parent: Option<String>,
}

impl Limits {
    pub fn apply(&self, service: &mut Service) -> Result<()> {
        self.changeable.apply(service)?;
        self.check()?;
        let swappiness = self.memory_swappiness.and_then(|it| u64::try_from(it).ok());
        service.mem_swappiness = swappiness.map(Bytes);
        service.oom_kill_disable = self.oom_kill_disable;
        service.oom_score_adj = self.oom_score_adj;
        for text in &self.ulimit {
            let (name, limit) = ulimit(text)?;
            service.ulimits.insert(name, limit);
        }
        service.shm_size = self.shm_size;
        service.blkio_config = self.block_devices()?;
        service.cgroup_parent.clone_from(&self.cgroup_parent);
        Ok(())
    }

    /// Docker: these bounds and words.
    fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(Kind::Invalid, message));
        if let Some(value) = self.memory_swappiness.filter(|value| !(-1..=100).contains(value)) {
            return invalid(format!(
                "invalid value: {value}. Valid memory swappiness range is 0-100"
            ));
        }
        if let Some(score) = self.oom_score_adj.filter(|score| !(-1000..=1000).contains(score)) {
            return invalid(format!(
                "Invalid value {score}, range for oom score adj is [-1000, 1000]"
            ));
        }
        Ok(())
    }

    /// What no service can say.
    pub fn finish(&self, spec: &mut ContainerSpec) {
        spec.limits.cpuset_mems = self.changeable.memory_nodes();
    }

    fn block_devices(&self) -> Result<Option<BlkioConfig>> {
        let rates = |list: &[String]| -> Result<Vec<BlkioRate>> {
            let rate = |text: &String| {
                let (path, rate) = device(text)?;
                Ok(BlkioRate { path: path.to_owned(), rate: rate.parse()? })
            };
            list.iter().map(rate).collect()
        };
        let weight = |text: &String| {
            let (path, weight) = device(text)?;
            let weight = weight.parse().map_err(|_| not_a_device(text))?;
            Ok(BlkioWeight { path: path.to_owned(), weight })
        };
        let config = BlkioConfig {
            weight: self.changeable.block_weight(),
            weight_device: self.blkio_weight_device.iter().map(weight).collect::<Result<_>>()?,
            device_read_bps: rates(&self.device_read_bps)?,
            device_read_iops: rates(&self.device_read_iops)?,
            device_write_bps: rates(&self.device_write_bps)?,
            device_write_iops: rates(&self.device_write_iops)?,
        };
        Ok(Some(config).filter(|config| *config != BlkioConfig::default()))
    }
}

/// `DEVICE:NUMBER`.
fn device(text: &str) -> Result<(&str, &str)> {
    let (path, number) = text.rsplit_once(':').ok_or_else(|| not_a_device(text))?;
    if !path.starts_with("/dev/") {
        let message = format!("bad format for device path: {text}");
        return Err(Error::new(Kind::Invalid, message).hint("a device's path begins with /dev/"));
    }
    Ok((path, number))
}

fn not_a_device(text: &str) -> Error {
    Error::new(Kind::Invalid, format!("bad format: {text}"))
        .hint("write the device's path and a number, as in /dev/sda:200")
}

/// Limits that a process has, as getrlimit(2) names them.
const ULIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `NAME=SOFT[:HARD]`; -1 means unlimited.
fn ulimit(text: &str) -> Result<(String, Ulimit)> {
    let invalid = || {
        Error::new(Kind::Invalid, format!("invalid ulimit argument: {text}"))
            .hint("write NAME=SOFT[:HARD], as in nofile=1024:2048")
    };
    let (name, values) = text.split_once('=').ok_or_else(invalid)?;
    if !ULIMITS.contains(&name) {
        let error = Error::new(Kind::Invalid, format!("invalid ulimit type: {name}"));
        return Err(error.hint(format!("known are {}", ULIMITS.join(", "))));
    }
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard): (i64, i64) =
        (soft.parse().map_err(|_| invalid())?, hard.parse().map_err(|_| invalid())?);
    if hard != -1 && (soft == -1 || soft > hard) {
        let message =
            format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}");
        return Err(Error::new(Kind::Invalid, message));
    }
    let single = !values.contains(':');
    Ok((name.to_owned(), Ulimit { soft, hard, single, ..Ulimit::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulimit_has_one_or_two_numbers() {
        assert_eq!(ulimit("nofile=1024").unwrap().1.hard, 1024);
        let (name, limit) = ulimit("nproc=10:-1").unwrap();
        assert_eq!((name.as_str(), limit.soft, limit.hard), ("nproc", 10, -1));
        for text in ["nofile", "files=1", "nofile=x", "nofile=20:10", "nofile=-1:10"] {
            assert!(ulimit(text).is_err(), "{text}");
        }
    }
}
