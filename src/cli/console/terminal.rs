//! The user's terminal: raw mode, its size, and the keys that detach from a container.

use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::base::{Error, Kind};
use crate::cli::{Context, Result};
use crate::engine::{Engine, TerminalSize};

/// Keys go to the container one by one and unchanged, as long as this lives.
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Switches the terminal at standard input.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn enter() -> Result<RawMode> {
        let stdin = rustix::stdio::stdin();
        let failed = |error| {
            Error::other("cannot set up the terminal").with_source(std::io::Error::from(error))
        };
        let before = tcgetattr(stdin).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin, OptionalActions::Drain, &raw).map_err(failed)?;
        Ok(RawMode { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to put right.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Keys come one by one and are not shown, as long as this lives; Ctrl-C and Ctrl-Z still are
/// signals.
pub struct KeyMode {
    before: Termios,
    keys: Termios,
}

impl KeyMode {
    /// Switches the terminal at standard input.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn enter() -> Result<KeyMode> {
        let before = tcgetattr(rustix::stdio::stdin()).map_err(|error| {
            Error::other("cannot set up the terminal").with_source(std::io::Error::from(error))
        })?;
        let mut keys = before.clone();
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        let mode = KeyMode { before, keys };
        mode.again();
        Ok(mode)
    }

    /// Switches it once more: whoever had the terminal meanwhile has switched it back.
    pub fn again(&self) {
        // If the terminal is gone, no keys come, and nothing else is lost.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.keys);
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to put right.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The size of the user's terminal; `None` if there is none.
#[must_use]
pub fn size() -> Option<TerminalSize> {
    let of = |fd: BorrowedFd<'_>| tcgetwinsize(fd).ok().filter(|size| size.ws_col > 0);
    let size = of(std::io::stdout().as_fd()).or_else(|| of(std::io::stdin().as_fd()))?;
    Some(TerminalSize { rows: size.ws_row, columns: size.ws_col })
}

/// Both standard input and standard output are terminals.
#[must_use]
pub fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

impl<E: Engine> Context<E> {
    /// The keys that detach: those `given`, or else those of Docker's `config.json`, or else
    /// Docker's own.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no key.
    pub fn detach_keys(&self, given: &str) -> Result<DetachKeys> {
        if !given.is_empty() {
            return DetachKeys::parse(given);
        }
        let home = || self.environment().get("HOME").map(|home| Path::new(home).join(".docker"));
        let dir = self.environment().get("DOCKER_CONFIG").map(PathBuf::from).or_else(home);
        // A file that is missing or broken says nothing about keys.
        let text = dir.and_then(|dir| std::fs::read(dir.join("config.json")).ok());
        let config: Option<serde_json::Value> =
            text.and_then(|text| serde_json::from_slice(&text).ok());
        let keys = config.as_ref().and_then(|config| config.get("detachKeys")?.as_str());
        DetachKeys::parse(keys.unwrap_or_default())
    }
}

/// Looks for the keys that detach from a container, in what is typed.
#[derive(Clone, Debug)]
pub struct DetachKeys {
    keys: Vec<u8>,
    matched: usize,
}

impl Default for DetachKeys {
    /// Ctrl-P Ctrl-Q (Docker's default).
    fn default() -> DetachKeys {
        DetachKeys { keys: vec![0x10, 0x11], matched: 0 }
    }
}

impl DetachKeys {
    /// No keys detach.
    #[must_use]
    pub fn none() -> DetachKeys {
        DetachKeys { keys: Vec::new(), matched: 0 }
    }

    /// Keys as in `ctrl-p,ctrl-q` or `a,b`; empty: Docker's default.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no key.
    pub fn parse(text: &str) -> Result<DetachKeys> {
        if text.is_empty() {
            return Ok(DetachKeys::default());
        }
        let key = |word: &str| match (word.strip_prefix("ctrl-"), word.as_bytes()) {
            (Some(letter), _) => control(letter),
            (None, [key]) => Some(*key),
            _ => None,
        };
        let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
        let keys = keys.ok_or_else(|| {
            Error::new(Kind::Invalid, format!("invalid detach keys {text:?}"))
                .hint("write keys such as ctrl-p,ctrl-q")
        })?;
        Ok(DetachKeys { keys, matched: 0 })
    }

    /// Takes typed bytes in. Returns what goes to the container; the flag says that the keys were
    /// complete. The beginning of the keys is held back until it is known whether they go on.
    pub fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return (passed, true);
                }
                continue;
            }
            passed.extend_from_slice(&self.keys[..self.matched]);
            self.matched = usize::from(self.keys.first() == Some(byte));
            if self.matched == 0 {
                passed.push(*byte);
            }
        }
        (passed, false)
    }
}

/// `p` to Ctrl-P.
fn control(letter: &str) -> Option<u8> {
    match letter.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        [sign @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => Some(sign - b'@'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_also_when_typed_slowly() {
        let mut keys = DetachKeys::default();
        assert_eq!(keys.filter(b"ls\x10"), (b"ls".to_vec(), false));
        assert_eq!(keys.filter(b"\x11x"), (Vec::new(), true));
    }

    #[test]
    fn what_only_begins_like_the_keys_is_passed_on() {
        let mut keys = DetachKeys::default();
        assert_eq!(keys.filter(b"\x10"), (Vec::new(), false));
        assert_eq!(keys.filter(b"\x10a"), (b"\x10\x10a".to_vec(), false));
    }

    #[test]
    fn keys_are_written_as_docker_writes_them() {
        let mut keys = DetachKeys::parse("ctrl-a,d").unwrap();
        assert_eq!(keys.filter(b"x\x01d"), (b"x".to_vec(), true));
        assert!(DetachKeys::parse("ctrl-1").is_err());
        assert!(DetachKeys::parse("ab").is_err());
    }
}
