//! Names of signals.

use crate::base::{Error, Kind, Result};

/// Names without `SIG`, by number from 1 (signal(7), x86 and arm).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The full name of a signal that was written as a number or a name, with or without `SIG`.
///
/// # Errors
/// `Kind::Invalid` for what is no signal.
pub fn name(text: &str) -> Result<String> {
    let upper = text.trim().to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let by_number = || {
        let number: usize = short.parse().ok()?;
        NAMES.get(number.checked_sub(1)?).copied()
    };
    let known = NAMES.iter().copied().find(|known| *known == short).or_else(by_number);
    match known {
        Some(known) => Ok(format!("SIG{known}")),
        // Real-time signals are relative to what the C library of the container keeps for itself.
        None if is_real_time(short) => Ok(format!("SIG{short}")),
        None => Err(Error::new(Kind::Invalid, format!("`{text}` is not a signal"))
            .hint("write a name such as SIGTERM, or a number")),
    }
}

/// `RTMIN`, `RTMIN+3`, `RTMAX-1`.
fn is_real_time(short: &str) -> bool {
    let offset = |rest: &str, sign| rest.is_empty() || rest.strip_prefix(sign).is_some_and(digits);
    short.strip_prefix("RTMIN").is_some_and(|rest| offset(rest, '+'))
        || short.strip_prefix("RTMAX").is_some_and(|rest| offset(rest, '-'))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_signal_becomes_its_name() {
        for (text, name_) in
            [("TERM", "SIGTERM"), ("sigquit", "SIGQUIT"), ("9", "SIGKILL"), ("28", "SIGWINCH")]
        {
            assert_eq!(name(text).unwrap(), name_);
        }
        assert_eq!(name("SIGRTMIN+3").unwrap(), "SIGRTMIN+3");
        for text in ["", "0", "32", "SIGNOPE", "RTMIN3", "RTMIN+"] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
