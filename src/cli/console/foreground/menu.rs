//! The menu below the output of `up`: single keys, and a line that says which.

use std::io::Read;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::base::Context as _;
use crate::cli::app::output::Output;
use crate::cli::console::terminal::{KeyMode, size};
use crate::cli::{Context, Result};
use crate::engine::Engine;

/// What the user asked for with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Leave everything running.
    Detach,
    /// Watch files, or do not any more.
    Watch,
    /// Show the whole configuration.
    View,
    /// An empty line, to tell old output from new.
    Blank,
}

/// A menu; without a terminal it has no keys and shows nothing.
pub struct Menu {
    output: Output,
    open: Option<Open>,
}

struct Open {
    mode: KeyMode,
    keys: mpsc::UnboundedReceiver<u8>,
    resized: Signal,
    resumed: Signal,
    /// What `w` does; `None`: no service has anything to watch.
    watching: Option<bool>,
}

impl Menu {
    /// A menu, if it is `wanted` and both our streams are a terminal. `watchable`: there is a `w`.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub fn open(cx: &Context<impl Engine>, wanted: bool, watchable: bool) -> Result<Menu> {
        let output = cx.output().clone();
        let terminal =
            cx.input_is_terminal() && output.out_is_terminal() && output.err_is_terminal();
        if !wanted || !terminal || !output.err_has_colour() {
            return Ok(Menu { output, open: None });
        }
        let listen = |kind| signal(kind).context(|| "cannot listen for signals".to_owned());
        let open = Open {
            mode: KeyMode::enter()?,
            keys: read_keys(),
            resized: listen(SignalKind::window_change())?,
            resumed: listen(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            watching: watchable.then_some(false),
        };
        let menu = Menu { output, open: Some(open) };
        menu.draw()?;
        Ok(menu)
    }

    /// Files are watched now, or not any more.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn set_watching(&mut self, watching: bool) -> Result<()> {
        if let Some(open) = &mut self.open {
            open.watching = open.watching.map(|_| watching);
        }
        self.draw()
    }

    /// The next key; never comes without a menu. Sizes of the window are followed meanwhile.
    ///
    /// # Errors
    /// The terminal is gone.
    pub async fn key(&mut self) -> Result<Key> {
        loop {
            let Some(open) = &mut self.open else { return std::future::pending().await };
            tokio::select! {
                byte = open.keys.recv() => match byte {
                    Some(byte) => if let Some(key) = key(byte) { return Ok(key) },
                    // Nobody types any more.
                    None => return std::future::pending().await,
                },
                _ = open.resized.recv() => self.draw()?,
                _ = open.resumed.recv() => { open.mode.again(); self.draw()?; }
            }
        }
    }

    fn draw(&self) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let width = size().map_or(80, |size| usize::from(size.columns));
        Ok(self.output.set_footer(Some(line(open.watching, width)))?)
    }
}

impl Drop for Menu {
    fn drop(&mut self) {
        if self.open.is_some() {
            // Nobody is left to tell when the terminal is gone.
            let _ = self.output.set_footer(None);
        }
    }
}

/// As many of the items as fit into `width` columns, the last of which stays free.
fn line(watching: Option<bool>, width: usize) -> String {
    let watch = match watching {
        Some(true) => Some(("w", "stop watching")),
        Some(false) => Some(("w", "watch")),
        None => None,
    };
    let items = [Some(("d", "detach")), watch, Some(("v", "view config"))];
    let (mut text, mut used) = (String::new(), 0);
    for (letter, what) in items.into_iter().flatten() {
        let columns = 3 + letter.len() + 1 + what.len();
        if used + columns >= width {
            break;
        }
        used += columns;
        text.push_str(&format!("   \x1b[1m{letter}\x1b[0m \x1b[2m{what}\x1b[0m"));
    }
    text
}

fn key(byte: u8) -> Option<Key> {
    match byte.to_ascii_lowercase() {
        b'd' => Some(Key::Detach),
        b'w' => Some(Key::Watch),
        b'v' | b'o' => Some(Key::View),
        b'\n' | b'\r' => Some(Key::Blank),
        _ => None,
    }
}

/// Reads keys on a thread of its own, since reading a terminal blocks; it ends with the process.
fn read_keys() -> mpsc::UnboundedReceiver<u8> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let (mut stdin, mut byte) = (std::io::stdin().lock(), [0]);
        while let Ok(1) = stdin.read(&mut byte) {
            if sender.send(byte[0]).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(watching: Option<bool>, width: usize) -> String {
        let mut line = line(watching, width);
        for code in ["\x1b[1m", "\x1b[2m", "\x1b[0m"] {
            line = line.replace(code, "");
        }
        line
    }

    #[test]
    fn the_line_says_what_keys_do() {
        assert_eq!(plain(Some(false), 80), "   d detach   w watch   v view config");
        assert_eq!(plain(Some(true), 80), "   d detach   w stop watching   v view config");
        assert_eq!(plain(None, 80), "   d detach   v view config");
    }

    #[test]
    fn the_line_is_never_as_wide_as_the_window() {
        assert_eq!(plain(Some(false), 40), "   d detach   w watch   v view config");
        assert_eq!(plain(Some(false), 37), "   d detach   w watch");
        for width in 0..50 {
            assert!(plain(Some(true), width).len() < width.max(1), "{width}");
        }
    }

    #[test]
    fn other_keys_do_nothing() {
        assert_eq!((key(b'D'), key(b'\n')), (Some(Key::Detach), Some(Key::Blank)));
        assert_eq!((key(b'x'), key(0x1b)), (None, None));
    }
}
