//! Limits that a container has from its beginning, and that can be changed later.

use crate::base::{Bytes, Error, Kind, Result};
use crate::compose::Service;
use crate::compose::model::SwapLimit;
use crate::resource::Update;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Changeable {
    /// Memory, as in `512m`
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<Bytes>,

    /// Memory and swap together; -1: unlimited swap
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    memory_swap: Option<SwapLimit>,

    /// Memory that it keeps when there is little
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<Bytes>,

    /// Processors, as in `1.5`
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    cpus: Option<f64>,

    /// Share of the processors, relative to 1024
    #[arg(short = 'c', long, value_name = "NUMBER", allow_negative_numbers = true)]
    cpu_shares: Option<i64>,

    /// Processor time in each period, in microseconds
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,

    /// Length of that period
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<i64>,

    /// Real-time processor time in each period
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_runtime: Option<i64>,

    /// Length of that period
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<i64>,

    /// Processors to run on, as in `0-2,4`
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,

    /// Memory nodes to use, as in `0`
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,

    /// Processes and threads; -1: unlimited
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pids_limit: Option<i64>,

    /// Share of block devices, 10 to 1000
    #[arg(long, value_name = "NUMBER")]
    blkio_weight: Option<u16>,
}

/// Less than that no program starts (Docker: the same).
const LEAST_MEMORY: Bytes = Bytes(6 << 20);

/// Docker: the same.
const LEAST_PROCESSORS: f64 = 0.01;

/// Processors that this process may run on, whatever share of them it gets.
fn processors() -> usize {
    let all = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize);
    all.max(1)
}

/// Lengths of a period that the kernel takes, in microseconds.
const PERIODS: std::ops::RangeInclusive<i64> = 1000..=1_000_000;

/// Shares of block devices that the kernel takes.
const WEIGHTS: std::ops::RangeInclusive<u16> = 10..=1000;

impl Changeable {
    /// What of it makes no sense by itself.
    ///
    /// # Errors
    /// [`Kind::Invalid`].
    fn check(&self) -> Result<()> {
        self.check_memory()?;
        self.check_shares()?;
        if self.cpus.is_some() && (self.cpu_quota.is_some() || self.cpu_period.is_some()) {
            let message = "Conflicting options: CPUs and CPU quota or period cannot both be set";
            return Err(Error::new(Kind::Invalid, message));
        }
        self.check_processors(processors())
    }

    /// Docker: these bounds and words. The machine has `count` processors.
    fn check_processors(&self, count: usize) -> Result<()> {
        let invalid = |message: String| Err(Error::new(Kind::Invalid, message));
        let allowed = LEAST_PROCESSORS..=count as f64;
        if self.cpus.is_some_and(|cpus| cpus != 0.0 && !allowed.contains(&cpus)) {
            return invalid(format!(
                "Range of CPUs is from {LEAST_PROCESSORS} to {count}.00, as there are only \
                 {count} CPUs available"
            ));
        }
        Ok(())
    }

    /// Docker: these bounds and words.
    fn check_memory(&self) -> Result<()> {
        let given = |bytes: Option<Bytes>| bytes.map(|it| it.0).filter(|bytes| *bytes > 0);
        let (memory, reservation) = (given(self.memory), given(self.memory_reservation));
        let swap = self.memory_swap.and_then(swap).and_then(|swap| u64::try_from(swap).ok());
        let is_less = |one: Option<u64>, other: Option<u64>| {
            one.zip(other).is_some_and(|(one, other)| one < other)
        };
        let least = Some(LEAST_MEMORY.0);
        let message = if is_less(memory, least) {
            "Minimum memory limit allowed is 6MB"
        } else if is_less(swap, memory) {
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        } else if is_less(reservation, least) {
            "Minimum memory reservation allowed is 6MB"
        } else if is_less(memory, reservation) {
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Invalid, message))
    }

    /// Docker: these bounds and words.
    fn check_shares(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(Kind::Invalid, message));
        if self.cpu_period.is_some_and(|period| period != 0 && !PERIODS.contains(&period)) {
            return invalid(
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. \
                 1000000)"
                    .to_owned(),
            );
        }
        if self.cpu_quota.is_some_and(|quota| quota > 0 && quota < *PERIODS.start()) {
            return invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)".to_owned());
        }
        if let Some(shares) = self.cpu_shares.filter(|shares| *shares < 0) {
            return invalid(format!(
                "invalid CPU shares ({shares}): value must be a positive integer"
            ));
        }
        if self.block_weight().is_some_and(|weight| !WEIGHTS.contains(&weight)) {
            return invalid("Range of blkio weight is from 10 to 1000".to_owned());
        }
        Ok(())
    }

    pub fn apply(&self, service: &mut Service) -> Result<()> {
        self.check()?;
        let is_limited = self.memory.is_some_and(|memory| memory.0 > 0);
        if !is_limited && self.memory_swap.and_then(swap).is_some_and(|swap| swap > 0) {
            let message =
                "You should always set the Memory limit when using Memoryswap limit, see usage";
            return Err(Error::new(Kind::Invalid, message));
        }
        service.mem_limit = self.memory;
        service.memswap_limit = self.memory_swap;
        service.mem_reservation = self.memory_reservation;
        service.cpus = self.cpus;
        service.cpu_shares = self.cpu_shares;
        service.cpu_quota = self.cpu_quota;
        service.cpu_period = self.cpu_period;
        service.cpu_rt_runtime = self.cpu_rt_runtime;
        service.cpu_rt_period = self.cpu_rt_period;
        service.cpuset.clone_from(&self.cpuset_cpus);
        service.pids_limit = self.pids_limit;
        Ok(())
    }

    /// Memory nodes, of which no service can say anything.
    pub fn memory_nodes(&self) -> Option<String> {
        self.cpuset_mems.clone()
    }

    /// Share of block devices; zero means unset.
    pub fn block_weight(&self) -> Option<u16> {
        self.blkio_weight.filter(|weight| *weight > 0)
    }

    /// The same as changes of a container that exists. Zero leaves what there is (Docker: the
    /// same).
    ///
    /// # Errors
    /// [`Kind::Invalid`], as for a new one.
    pub fn changes(&self) -> Result<Update> {
        self.check()?;
        let bytes = |value: Option<Bytes>| value.filter(|bytes| bytes.0 > 0);
        let positive =
            |value: Option<i64>| value.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
        let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        Ok(Update {
            memory: bytes(self.memory),
            memory_swap: self.memory_swap.and_then(swap),
            memory_reservation: bytes(self.memory_reservation),
            cpus: self.cpus.filter(|cpus| *cpus > 0.0),
            cpu_shares: positive(self.cpu_shares),
            cpu_quota: self.cpu_quota.filter(|quota| *quota != 0),
            cpu_period: positive(self.cpu_period),
            cpu_rt_runtime: self.cpu_rt_runtime.filter(|time| *time != 0),
            cpu_rt_period: positive(self.cpu_rt_period),
            cpuset: text(&self.cpuset_cpus),
            cpuset_mems: text(&self.cpuset_mems),
            pids: self.pids_limit.filter(|pids| *pids != 0),
            blkio_weight: self.block_weight(),
            restart: None,
        })
    }
}

fn swap(limit: SwapLimit) -> Option<i64> {
    match limit {
        SwapLimit::Unlimited => Some(-1),
        SwapLimit::Limit(bytes) => i64::try_from(bytes.0).ok().filter(|bytes| *bytes > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_gives_only_the_processors_it_has() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            limits: Changeable,
        }
        let check = |cpus: &str| {
            let line = <Line as clap::Parser>::try_parse_from(["x", "--cpus", cpus]).unwrap();
            line.limits.check_processors(2).map_err(|error| error.to_string())
        };
        for cpus in ["0", "0.01", "1.5", "2"] {
            assert_eq!(check(cpus), Ok(()), "{cpus}");
        }
        for cpus in ["-1", "0.001", "2.1", "100"] {
            let error = check(cpus).unwrap_err();
            assert_eq!(
                error,
                "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
            );
        }
    }
}
