//! Threads that the system refuses. The libraries know no other answer than a panic, which would
//! abort the process with a report for developers.

use std::any::Any;

/// From now on, such a refusal ends this process with one line and exit code 1. Locks are released
/// and records stay as they are, as with any other end.
pub fn tell_in_one_line() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match refusal(panic.payload()) {
        Some(line) => {
            // There is nowhere else to say it.
            let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
            std::process::exit(1)
        }
        None => usual(panic),
    }));
}

/// The line for the panic of the standard library (`thread::spawn`) or of tokio (`spawn_blocking`)
/// over a refused thread; `None`: another panic.
fn refusal(payload: &(dyn Any + Send)) -> Option<String> {
    let text = match payload.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => payload.downcast_ref::<&str>()?,
    };
    let is_refusal = ["failed to spawn thread", "OS can't spawn worker thread"]
        .iter()
        .any(|words| text.starts_with(words));
    is_refusal.then(|| {
        "error: cannot start a thread: the system refuses more threads or memory\n  \
         = hint: raise the limit of processes (`ulimit -u`, `pids.max`, `TasksMax`) or of memory\n"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_thread_is_one_line_and_other_panics_stay_what_they_are() {
        for text in [
            "failed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"x\" }",
            "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)",
        ] {
            let line = refusal(&text.to_owned()).unwrap();
            assert!(line.starts_with("error: cannot start a thread"), "{line}");
        }
        assert_eq!(refusal(&"index out of bounds"), None);
        assert_eq!(refusal(&7), None);
    }
}
