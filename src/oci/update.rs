//! New limits for a container: from JSON, or one by one.

use oci_spec::runtime::LinuxResources;
use serde_json::{Map, Value};

use crate::base::{Error, Kind, Result};

/// One limit, by the two names it has in `linux.resources`, such as `memory` and `limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As in `memory`.
    pub group: &'static str,
    /// As in `limit`.
    pub name: &'static str,
    /// A number or text.
    pub value: Value,
}

/// What `text`, JSON as in `linux.resources`, and `changes` ask for together.
///
/// # Errors
/// [`Kind::Invalid`] for what is not as the specification has it.
pub fn resources(text: Option<&[u8]>, changes: &[Change]) -> Result<LinuxResources> {
    let wrong = |error: serde_json::Error| {
        Error::new(Kind::Invalid, "the limits are not as the specification has them")
            .with_source(error)
    };
    let mut all: Map<String, Value> = match text {
        Some(text) => serde_json::from_slice(text).map_err(wrong)?,
        None => Map::new(),
    };
    for change in changes {
        let group = all.entry(change.group).or_insert_with(|| Value::Object(Map::new()));
        group[change.name] = change.value.clone();
    }
    serde_json::from_value(Value::Object(all)).map_err(wrong)
}

/// Groups in which zero means that a limit was left out (runc: the same), and those for which it
/// does not.
const LEFT_OUT: [&str; 2] = ["cpu", "memory"];
const ZEROS: [&str; 3] = ["burst", "idle", "swappiness"];

/// Changes `saved`, which is as `linux.resources`. Returns every group that has a change, whole:
/// a quota goes with its period, swap with memory.
///
/// # Errors
/// None for what was read from JSON.
pub(super) fn merge(saved: &mut Value, changes: &LinuxResources) -> Result<LinuxResources> {
    let wrong = |error: serde_json::Error| Error::other(format!("limits are no JSON: {error}"));
    let mut whole = Map::new();
    if !saved.is_object() {
        *saved = Value::Object(Map::new());
    }
    let Value::Object(changes) = serde_json::to_value(changes).map_err(wrong)? else {
        return Ok(LinuxResources::default());
    };
    for (name, change) in changes {
        let group = &mut saved[&name];
        match (group.as_object_mut(), change) {
            (_, Value::Null) => continue,
            (Some(group), Value::Object(change)) => {
                let zero = LEFT_OUT.contains(&name.as_str());
                group.extend(change.into_iter().filter(|(name, value)| {
                    let left_out = zero && *value == 0 && !ZEROS.contains(&name.as_str());
                    !value.is_null() && !left_out
                }));
            }
            (_, change) => *group = change,
        }
        whole.insert(name, group.clone());
    }
    serde_json::from_value(Value::Object(whole)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn single_limits_win_over_those_of_the_file() {
        let change = |group, name, value| Change { group, name, value };
        let text = br#"{"memory": {"limit": 1, "swap": 5}, "pids": {"limit": 7}}"#;
        let changes = [change("memory", "limit", json!(2)), change("cpu", "cpus", json!("0-1"))];
        let resources = resources(Some(text), &changes).unwrap();
        let memory = resources.memory().unwrap();
        assert_eq!((memory.limit(), memory.swap()), (Some(2), Some(5)));
        assert_eq!(resources.pids().unwrap().limit(), 7);
        assert_eq!(resources.cpu().as_ref().unwrap().cpus().as_deref(), Some("0-1"));
        assert!(super::resources(Some(b"[]"), &[]).is_err());
    }

    #[test]
    fn what_was_set_before_stays_and_a_group_is_written_whole() {
        let mut saved = json!({
            "cpu": {"period": 50000, "cpus": "0"},
            "memory": {"limit": 10, "swap": 20},
            "pids": {"limit": 5},
        });
        let changes = json!({"cpu": {"quota": 1000, "shares": 0}, "pids": {"limit": 0}});
        let changes: LinuxResources = serde_json::from_value(changes).unwrap();
        let whole = merge(&mut saved, &changes).unwrap();
        let cpu = whole.cpu().as_ref().unwrap();
        assert_eq!((cpu.period(), cpu.quota(), cpu.shares()), (Some(50000), Some(1000), None));
        assert_eq!(cpu.cpus().as_deref(), Some("0"));
        assert!(whole.memory().is_none(), "nothing of it was asked for");
        let now = json!({
            "cpu": {"period": 50000, "cpus": "0", "quota": 1000},
            "memory": {"limit": 10, "swap": 20},
            "pids": {"limit": 0},
        });
        assert_eq!(saved, now);
        let mut none = Value::Null;
        merge(&mut none, &changes).unwrap();
        assert_eq!(none["cpu"]["quota"], 1000);
    }
}
