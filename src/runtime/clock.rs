//! Time namespaces: clocks that count from another moment (time_namespaces(7)).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;

use oci_spec::runtime::LinuxTimeOffset;

use crate::base::{Context, Result};
use crate::sys::process;

/// Makes a time namespace for the children of this process, with these offsets by clock
/// (`monotonic`, `boottime`).
///
/// # Errors
/// A clock that there is not, or an offset that would turn it back before the machine's start.
pub fn make_namespace(offsets: Option<&HashMap<String, LinuxTimeOffset>>) -> Result<()> {
    process::unshare_time().context(|| "cannot make a time namespace".to_owned())?;
    let mut text = String::new();
    for (clock, offset) in offsets.into_iter().flatten() {
        let (seconds, nanos) = (offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{clock} {seconds} {nanos}");
    }
    if text.is_empty() {
        return Ok(());
    }
    fs::write("/proc/self/timens_offsets", &text)
        .context(|| format!("cannot set clocks of the time namespace to {}", text.trim()))
}
