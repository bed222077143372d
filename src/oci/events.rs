//! What a container uses, as runc tells it.

use serde_json::{Value, json};

use crate::base::Result;

use super::container::{Container, Status, not_running};

impl Container {
    /// One event with what it uses now.
    ///
    /// # Errors
    /// It does not run.
    pub fn usage(&self) -> Result<Value> {
        if matches!(self.status()?, Status::Stopped | Status::Creating) {
            return Err(not_running());
        }
        let stats = self.needed_cgroup()?.stats();
        Ok(json!({
            "type": "stats",
            "id": self.id(),
            "data": {
                "cpu": {
                    "usage": {
                        "total": stats.cpu_nanos,
                        "kernel": stats.cpu_system_nanos,
                        "user": stats.cpu_user_nanos,
                    },
                    "throttling": {},
                },
                "memory": {
                    "cache": stats.memory_inactive_file,
                    "usage": {
                        "limit": stats.memory_limit.unwrap_or(u64::MAX),
                        "usage": stats.memory,
                    },
                },
                "pids": { "current": stats.pids, "limit": stats.pids_limit.unwrap_or(0) },
                "blkio": {
                    "ioServiceBytesRecursive": [
                        { "op": "Read", "value": stats.io_read },
                        { "op": "Write", "value": stats.io_written },
                    ],
                },
                "hugetlb": {},
            },
        }))
    }

    /// An event that says that a process was killed for lack of memory.
    #[must_use]
    pub fn oom(&self) -> Value {
        json!({ "type": "oom", "id": self.id() })
    }

    /// How many processes were killed for lack of memory so far.
    ///
    /// # Errors
    /// It has no control group.
    pub fn oom_kills(&self) -> Result<u64> {
        Ok(self.needed_cgroup()?.oom_kills())
    }

    /// Waits until its process ends, at most so long; whether it did.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn ends_within(&self, limit: std::time::Duration) -> Result<bool> {
        match self.process()? {
            Some(process) => super::kill::ends(&process, limit),
            None => Ok(true),
        }
    }
}
