//! A terminal: a pseudo terminal with a program on one side and an emulated screen on the other.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::world::{COMPOSE, World};

/// How long anything may take to appear.
const LIMIT: Duration = Duration::from_secs(60);

/// A terminal with a program in it.
pub struct Terminal {
    master: OwnedFd,
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Runs `compose` in the world's project, on a terminal of this size.
    pub fn compose(world: &World, arguments: &[&str], (rows, columns): (u16, u16)) -> Terminal {
        Terminal::program(world, COMPOSE, arguments, (rows, columns))
    }

    /// Runs any program in the world's project.
    pub fn program(
        world: &World,
        program: &str,
        arguments: &[&str],
        (rows, columns): (u16, u16),
    ) -> Terminal {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, size(rows, columns)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || {
            let path = name.to_str().unwrap();
            std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
        };
        let inside = world.command(&world.project(), program);
        let mut command = Command::new("setsid");
        // The session's terminal is its standard input, so that Ctrl-C and sizes arrive.
        command.args(["--ctty", "--wait"]).arg(inside.get_program()).args(inside.get_args());
        command.args(arguments).env("TERM", "xterm-256color").env_remove("NO_COLOR");
        for (name, value) in inside.get_envs() {
            let _: &mut Command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(open()).stdout(open()).stderr(open());
        println!("$ {} {}", OsStr::new(program).display(), arguments.join(" "));
        let child = command.spawn().expect("setsid of util-linux is installed");
        drop(command);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1000)));
        let raw = Arc::default();
        let reader = read_on(master.try_clone().unwrap(), Arc::clone(&screen), Arc::clone(&raw));
        Terminal { master, child, screen, raw, reader }
    }

    /// Types keys.
    pub fn keys(&self, keys: &str) {
        let mut rest = keys.as_bytes();
        while !rest.is_empty() {
            let written = rustix::io::write(&self.master, rest).unwrap();
            rest = &rest[written..];
        }
    }

    /// What is on the screen, without blanks at the ends of lines.
    pub fn text(&self) -> String {
        let screen = self.screen.lock().unwrap();
        let text = screen.screen().contents();
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// Everything the program has written so far.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned()
    }

    /// A copy of the screen.
    pub fn screen(&self) -> vt100::Screen {
        self.screen.lock().unwrap().screen().clone()
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn shows(&self, what: &str) {
        self.until(&format!("`{what}` is shown"), |text| text.contains(what));
    }

    /// Waits until the screen is as `check` wants it.
    #[track_caller]
    pub fn until(&self, what: &str, mut check: impl FnMut(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if check(&text) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; the screen:\n{text}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Makes the window another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(rows, columns);
        tcsetwinsize(self.master.as_fd(), size(rows, columns)).unwrap();
    }

    /// Waits until what the program wrote at last is on the screen; not for long, since what it
    /// left running may have the terminal open still.
    fn drain(&self) {
        let begun = Instant::now();
        while !self.reader.is_finished() && begun.elapsed() < Duration::from_secs(1) {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Waits until the program has ended; its exit code.
    #[track_caller]
    pub fn ends(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.drain();
                println!("{}[{status}]", self.text());
                return status.code().unwrap_or(-1);
            }
            let text = self.text();
            assert!(begun.elapsed() < LIMIT, "does not end within {LIMIT:?}; the screen:\n{text}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Most have ended by themselves.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn read_on(
    master: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // The end, or EIO when nobody has the other side open any more.
        while let Ok(length @ 1..) = rustix::io::read(&master, &mut buffer) {
            screen.lock().unwrap().process(&buffer[..length]);
            raw.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
    })
}
