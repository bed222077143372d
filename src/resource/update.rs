//! What can be changed about a container that exists.

use crate::base::{Bytes, Error, Kind, Result};

use super::container::{ContainerSpec, RestartPolicy};

/// Changes; what is `None` stays (Docker: `docker update`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// CPUs' worth of time.
    pub cpus: Option<f64>,
    /// Relative weight.
    pub cpu_shares: Option<u64>,
    /// Microseconds a period.
    pub cpu_quota: Option<i64>,
    /// Length of a period in microseconds.
    pub cpu_period: Option<u64>,
    /// Real-time microseconds a period.
    pub cpu_rt_runtime: Option<i64>,
    /// Length of a real-time period in microseconds.
    pub cpu_rt_period: Option<u64>,
    /// CPUs to run on.
    pub cpuset: Option<String>,
    /// Memory nodes to use.
    pub cpuset_mems: Option<String>,
    /// Memory.
    pub memory: Option<Bytes>,
    /// Memory plus swap; -1: unlimited swap.
    pub memory_swap: Option<i64>,
    /// Soft limit of memory.
    pub memory_reservation: Option<Bytes>,
    /// Processes and threads; -1: unlimited.
    pub pids: Option<i64>,
    /// Relative weight of block I/O.
    pub blkio_weight: Option<u16>,
    /// When it is started again by itself.
    pub restart: Option<RestartPolicy>,
}

impl Update {
    /// Changes `spec`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] where changes exclude each other or what is there already.
    pub fn apply(&self, spec: &mut ContainerSpec) -> Result<()> {
        let invalid = |message: &str| Err(Error::new(Kind::Invalid, message.to_owned()));
        if self.cpus.is_some() && (self.cpu_quota.is_some() || self.cpu_period.is_some()) {
            return invalid(
                "Conflicting options: CPUs and a CPU quota or period cannot both be set",
            );
        }
        if self.restart.is_some_and(|policy| policy != RestartPolicy::No) && spec.auto_remove {
            return invalid(
                "Restart policy cannot be updated because AutoRemove is enabled for the container",
            );
        }
        let limits = &mut spec.limits;
        let memory = self.memory.or(limits.memory);
        // Docker: what follows from the first limit stays when that changes.
        let double = |memory: Bytes| i64::try_from(memory.0.saturating_mul(2)).ok();
        let old = limits.memory_swap.or_else(|| limits.memory.and_then(double));
        let swap = self.memory_swap.or(old).filter(|swap| *swap > 0);
        if let (Some(memory), Some(swap)) = (memory, swap)
            && i64::try_from(memory.0).is_ok_and(|memory| memory > swap)
        {
            return invalid(
                "Memory limit should be smaller than already set memoryswap limit, update the \
                 memoryswap at the same time",
            );
        }
        if self.cpus.is_some() {
            (limits.cpu_quota, limits.cpu_period) = (None, None);
        } else if self.cpu_quota.is_some() || self.cpu_period.is_some() {
            limits.cpus = None;
        }
        set(&mut limits.cpus, self.cpus);
        set(&mut limits.cpu_shares, self.cpu_shares);
        set(&mut limits.cpu_quota, self.cpu_quota);
        set(&mut limits.cpu_period, self.cpu_period);
        set(&mut limits.cpu_rt_runtime, self.cpu_rt_runtime);
        set(&mut limits.cpu_rt_period, self.cpu_rt_period);
        set(&mut limits.cpuset, self.cpuset.clone());
        set(&mut limits.cpuset_mems, self.cpuset_mems.clone());
        if self.memory.is_some() {
            limits.memory_swap = old;
        }
        set(&mut limits.memory, self.memory);
        set(&mut limits.memory_swap, self.memory_swap);
        set(&mut limits.memory_reservation, self.memory_reservation);
        set(&mut limits.pids, self.pids);
        set(&mut limits.blkio_weight, self.blkio_weight);
        spec.restart = self.restart.unwrap_or(spec.restart);
        Ok(())
    }
}

fn set<T>(limit: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *limit = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::limits::Limits;

    #[test]
    fn what_is_not_given_stays() {
        let mut spec = ContainerSpec::default();
        spec.limits.memory = Some(Bytes(100));
        spec.limits.cpu_quota = Some(5);
        let restart = Some(RestartPolicy::Always);
        let update = Update { cpus: Some(2.0), pids: Some(7), restart, ..Update::default() };
        update.apply(&mut spec).unwrap();
        assert_eq!((spec.limits.memory, spec.limits.pids), (Some(Bytes(100)), Some(7)));
        assert_eq!((spec.limits.cpus, spec.limits.cpu_quota), (Some(2.0), None));
        assert_eq!(spec.restart, RestartPolicy::Always);
    }

    #[test]
    fn what_excludes_itself_is_refused() {
        let mut spec = ContainerSpec { auto_remove: true, ..ContainerSpec::default() };
        spec.limits.memory_swap = Some(50);
        for update in [
            Update { cpus: Some(1.0), cpu_quota: Some(1), ..Update::default() },
            Update { restart: Some(RestartPolicy::Always), ..Update::default() },
            Update { memory: Some(Bytes(100)), ..Update::default() },
        ] {
            assert!(update.apply(&mut spec).is_err(), "{update:?}");
        }
        let both = Update { memory: Some(Bytes(100)), memory_swap: Some(200), ..Update::default() };
        both.apply(&mut spec).unwrap();
        assert_eq!(spec.limits.memory_swap, Some(200));
        spec.limits = Limits { memory: Some(Bytes(100)), ..Limits::default() };
        let grow = |bytes| Update { memory: Some(Bytes(bytes)), ..Update::default() };
        assert!(grow(201).apply(&mut spec).is_err(), "more than memory and swap had been");
        grow(150).apply(&mut spec).unwrap();
        assert_eq!(spec.limits.memory_swap, Some(200));
    }
}
