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
}
