//! A container's standard streams, seen from its shim: output to the log and to who listens,
//! input from who may type.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::pipe::PipeFlags;
use rustix::termios::Winsize;

use crate::base::{Context, Result};
use crate::resource::log::Stream;
use crate::resource::process::TerminalSize;

use super::log::{Forward, Lines, LogFile};
use super::poller::{Interest, Poller, Source};

/// Bytes read at once.
const CHUNK: usize = 128 * 1024;

/// In a flood of small writes each would wake us. Within this time more than one read takes comes,
/// and less than a pipe holds; nobody else waits for us longer.
const GATHERING: Duration = Duration::from_micros(500);

/// A pipe this large lets a busy container and its shim take turns less often.
const PIPE_SIZE: usize = 256 * 1024;

/// The container's ends of its streams; closed as soon as it has them.
#[derive(Debug)]
pub(super) struct Theirs {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// This many bytes, in [`Output::bytes`].
    Bytes(usize),
    /// Nothing at present.
    Nothing,
    /// The end: nobody can print any more.
    End,
}

/// The shim's ends of a container's streams.
#[derive(Debug)]
pub(super) struct Output {
    log: LogFile,
    /// Where output goes besides.
    forward: Option<Forward>,
    /// Some of that has to wait.
    waits: bool,
    attributes: String,
    stdout: Option<(OwnedFd, Lines)>,
    stderr: Option<(OwnedFd, Lines)>,
    stdin: Option<OwnedFd>,
    /// Input that the container has not taken yet.
    typed: Vec<u8>,
    /// Standard input is closed once `typed` was taken.
    closing: bool,
    /// Stdout and stdin are a terminal.
    terminal: bool,
    /// Someone who must miss nothing does not keep up: output is not read meanwhile.
    held: bool,
    buffer: Vec<u8>,
}

impl Output {
    /// Without streams yet.
    pub(super) fn new(log: LogFile, forward: Option<Forward>, attributes: String) -> Output {
        Output {
            log,
            forward,
            waits: false,
            attributes,
            stdout: None,
            stderr: None,
            stdin: None,
            typed: Vec::new(),
            closing: false,
            terminal: false,
            held: false,
            buffer: Vec::new(),
        }
    }

    /// Makes pipes for a new run. Without `input`, standard input is empty.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn pipes(&mut self, poller: &Poller, input: bool) -> Result<Theirs> {
        self.make_pipes(poller, input).context(|| "cannot make pipes".to_owned())
    }

    fn make_pipes(&mut self, poller: &Poller, input: bool) -> io::Result<Theirs> {
        self.close();
        let (stdout, their_stdout) = pipe()?;
        let (stderr, their_stderr) = pipe()?;
        for end in [&stdout, &stderr] {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        let stdin = match input {
            true => {
                let (theirs, ours) = pipe()?;
                rustix::io::ioctl_fionbio(&ours, true)?;
                self.stdin = Some(ours);
                theirs
            }
            false => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                rustix::fs::open("/dev/null", flags, Mode::empty())?
            }
        };
        self.stdout = Some((stdout, Lines::new(Stream::Stdout, self.attributes.clone())));
        self.stderr = Some((stderr, Lines::new(Stream::Stderr, self.attributes.clone())));
        self.terminal = false;
        self.listen(poller)?;
        Ok(Theirs { stdin, stdout: their_stdout, stderr: their_stderr })
    }

    /// Takes the master side of the terminal of a new run.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn terminal(&mut self, poller: &Poller, master: OwnedFd) -> Result<()> {
        self.close();
        let adopt = || -> io::Result<OwnedFd> {
            rustix::io::ioctl_fionbio(&master, true)?;
            Ok(rustix::io::fcntl_dupfd_cloexec(&master, 3)?)
        };
        self.stdin = Some(adopt().context(|| "cannot use the terminal".to_owned())?);
        self.stdout = Some((master, Lines::new(Stream::Stdout, self.attributes.clone())));
        self.terminal = true;
        self.listen(poller).context(|| "cannot wait for the terminal".to_owned())
    }

    /// Reads once, and hands what came to the log.
    pub(super) fn read(&mut self, stream: Stream) -> Read {
        let source = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some((fd, lines)) = source else { return Read::End };
        if self.buffer.is_empty() {
            self.buffer = vec![0; CHUNK];
        }
        match rustix::io::read(&*fd, &mut self.buffer[..]) {
            Ok(mut count @ 1..) => {
                if lines.wants_more(count) {
                    std::thread::sleep(GATHERING);
                    // Nothing, or the end: the next read says so.
                    count += rustix::io::read(&*fd, &mut self.buffer[count..]).unwrap_or(0);
                }
                let now = Timestamp::now();
                lines.push(&self.buffer[..count], now, &mut self.log);
                if let Some(forward) = &mut self.forward {
                    forward.push(stream, &self.buffer[..count], now);
                }
                Read::Bytes(count)
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Read::Nothing,
            // A terminal's last slave was closed: EIO.
            Ok(0) | Err(_) => {
                lines.end(Timestamp::now(), &mut self.log);
                *source = None;
                if let Some(forward) = &mut self.forward {
                    forward.end(stream, Timestamp::now());
                }
                Read::End
            }
        }
    }

    /// What the last read brought.
    pub(super) fn bytes(&self, count: usize) -> &[u8] {
        &self.buffer[..count]
    }

    /// Nobody can print any more.
    pub(super) fn is_over(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Writes what was logged, and says whether it was anything.
    pub(super) fn flush(&mut self) -> bool {
        self.log.flush();
        self.waits = self.forward.as_mut().is_some_and(Forward::flush);
        self.log.take_changed()
    }

    /// Whether output has to wait until a log service takes it: flush again soon.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Gives memory back while nothing happens.
    pub(super) fn park(&mut self) {
        self.log.park();
        self.buffer = Vec::new();
        self.typed.shrink_to_fit();
    }

    /// Ends this run's streams: what was printed is in the log, the rest is given up.
    pub(super) fn close(&mut self) {
        let both = [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)];
        for (stream, source) in both {
            if let Some((_, mut lines)) = source.take() {
                lines.end(Timestamp::now(), &mut self.log);
                if let Some(forward) = &mut self.forward {
                    forward.end(stream, Timestamp::now());
                }
            }
        }
        self.log.flush();
        self.waits = self.forward.as_mut().is_some_and(Forward::flush);
        self.stdin = None;
        self.typed.clear();
        self.closing = false;
    }

    /// Reads nothing as long as `held`: the container has to wait.
    pub(super) fn hold(&mut self, poller: &Poller, held: bool) -> io::Result<()> {
        if self.held == held {
            return Ok(());
        }
        self.held = held;
        self.listen(poller)
    }

    /// There is room for input.
    pub(super) fn wants_input(&self) -> bool {
        self.typed.is_empty()
    }

    /// Hands input to the container, or keeps it until it can be taken. Ignored when the
    /// container has no input.
    pub(super) fn input(&mut self, poller: &Poller, bytes: &[u8]) -> io::Result<()> {
        if self.stdin.is_some() && !self.closing {
            self.typed.extend_from_slice(bytes);
            self.write_input(poller)?;
        }
        Ok(())
    }

    /// No more input comes. A terminal has no such end: there ctrl-d is typed.
    pub(super) fn end_input(&mut self, poller: &Poller) -> io::Result<()> {
        if !self.terminal {
            self.closing = true;
            self.write_input(poller)?;
        }
        Ok(())
    }

    /// Writes what was typed as far as the container takes it.
    pub(super) fn write_input(&mut self, poller: &Poller) -> io::Result<()> {
        let Some(stdin) = &self.stdin else { return Ok(()) };
        while !self.typed.is_empty() {
            match rustix::io::write(stdin, &self.typed) {
                Ok(count) => drop(self.typed.drain(..count)),
                Err(rustix::io::Errno::INTR) => (),
                Err(rustix::io::Errno::AGAIN) => {
                    return poller.watch(stdin.as_fd(), Source::Stdin, Interest::WRITE);
                }
                // The container closed its input: nobody reads what is typed.
                Err(_) => {
                    self.typed.clear();
                    self.closing = true;
                }
            }
        }
        poller.forget(stdin.as_fd());
        if self.closing {
            self.stdin = None;
        }
        Ok(())
    }

    /// The terminal's new size; nothing happens without one.
    pub(super) fn resize(&self, size: TerminalSize) {
        if let (true, Some((master, _))) = (self.terminal, &self.stdout) {
            // The container may have closed it just now.
            let _ = rustix::termios::tcsetwinsize(master, winsize(size));
        }
    }

    fn listen(&self, poller: &Poller) -> io::Result<()> {
        let interest = Interest { read: !self.held, write: false };
        if let Some((fd, _)) = &self.stdout {
            listen_to(poller, fd.as_fd(), Source::Stdout, interest)?;
        }
        if let Some((fd, _)) = &self.stderr {
            listen_to(poller, fd.as_fd(), Source::Stderr, interest)?;
        }
        Ok(())
    }
}

/// A closed pipe is always reported, so not waiting means not being in the set at all.
fn listen_to(
    poller: &Poller,
    fd: BorrowedFd<'_>,
    source: Source,
    interest: Interest,
) -> io::Result<()> {
    match interest.read {
        true => poller.watch(fd, source, interest),
        false => {
            poller.forget(fd);
            Ok(())
        }
    }
}

fn winsize(size: TerminalSize) -> Winsize {
    Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // Users have a limit of pipe memory; a smaller pipe works, too.
    let _ = rustix::pipe::fcntl_setpipe_size(&reader, PIPE_SIZE);
    Ok((reader, writer))
}

/// Pieces of 4 KiB that are read of a probe before others get their turn: four times what a pipe
/// holds, but not all that a probe may print.
const PIECES: usize = 64;

/// Reads what is there without waiting, into `output` up to `limit` bytes; more is thrown away.
/// `false` at the end. Who prints faster than we read is read on in the next turn.
pub(super) fn read_capped(fd: &File, output: &mut Vec<u8>, limit: usize) -> bool {
    let mut buffer = [0; 4096];
    for _ in 0..PIECES {
        match io::Read::read(&mut { fd }, &mut buffer) {
            Ok(0) => return false,
            Ok(count) => {
                let room = limit.saturating_sub(output.len()).min(count);
                output.extend_from_slice(&buffer[..room]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// probe-flood.
    #[test]
    fn whoever_prints_without_end_is_left_for_others() {
        let endless = File::open("/dev/zero").unwrap();
        let mut output = Vec::new();
        assert!(read_capped(&endless, &mut output, 100));
        assert_eq!(output.len(), 100);
        let empty = File::open("/dev/null").unwrap();
        assert!(!read_capped(&empty, &mut output, 100));
    }
}
