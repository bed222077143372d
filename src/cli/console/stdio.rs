//! Talking to a program in a container: keys and pipes in, output out, until it ends.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::FileType;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::base::{ContainerId, Context as _};
use crate::cli::Result;
use crate::cli::app::output::Output;
use crate::cli::console::signals::interrupted;
use crate::cli::console::terminal::{DetachKeys, RawMode, size};
use crate::engine::{Attachment, Engine, Exec, ExecStdio, Stream};
use crate::resource::process::ExecSpec;

/// How long output may follow after a program's end: others may hold its terminal open.
const AFTERMATH: Duration = Duration::from_millis(300);

/// How talking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// The program ended with this code.
    Ended(i32),
    /// The user typed the detach keys.
    Detached,
}

/// Connects the user's terminal with that of a command, until the command ends; with `stdin`, what
/// is typed goes to the command.
///
/// # Errors
/// The terminal cannot be set up, or the connection broke.
pub async fn with_terminal(
    mut exec: impl Exec,
    master: OwnedFd,
    output: &Output,
    keys: DetachKeys,
    stdin: bool,
) -> Result<Talk> {
    let clone = || master.try_clone().context(|| "cannot copy a descriptor".to_owned());
    let _raw = stdin.then(RawMode::enter).transpose()?;
    let mut resized = listen(SignalKind::window_change())?;
    let (mut hangup, mut terminate) =
        (listen(SignalKind::hangup())?, listen(SignalKind::terminate())?);
    let (detach, mut detached) = mpsc::channel(1);
    let writer = clone()?;
    if stdin {
        let typed = read_input(keys, detach);
        std::thread::spawn(move || write_to(&writer, typed));
    }
    let silent = read_from(clone()?, output.clone(), Stream::Stdout);
    let code = loop {
        tokio::select! {
            code = exec.wait() => break code?,
            Some(()) = detached.recv() => return Ok(Talk::Detached),
            _ = resized.recv() => resize(&master),
            _ = hangup.recv() => return Err(interrupted()),
            _ = terminate.recv() => return Err(interrupted()),
        }
    };
    // Either way it is over; what came until now is on the screen.
    let _ = tokio::time::timeout(AFTERMATH, silent).await;
    Ok(Talk::Ended(code))
}

/// Connects our streams with those of a container, until it ends. `terminal`: the container has
/// one, and ours is to be as good as its own.
///
/// # Errors
/// The terminal cannot be set up, or the connection broke.
pub async fn with_container(
    attachment: &mut impl Attachment,
    output: &Output,
    stdin: bool,
    terminal: Option<DetachKeys>,
) -> Result<Talk> {
    let _raw = (terminal.is_some() && stdin).then(RawMode::enter).transpose()?;
    let mut resized = listen(SignalKind::window_change())?;
    let (detach, mut detached) = mpsc::channel(1);
    let mut typed = match (stdin, &terminal) {
        (false, _) => mpsc::channel(1).1,
        (true, Some(keys)) => read_input(keys.clone(), detach),
        (true, None) => read_input(DetachKeys::none(), detach),
    };
    let mut open = stdin;
    loop {
        tokio::select! {
            piece = attachment.read() => match piece? {
                Some((Stream::Stdout, bytes)) => output.print(bytes)?,
                Some((Stream::Stderr, bytes)) => output.say(bytes)?,
                // Docker: 255 where nobody saw the end.
                None => return Ok(Talk::Ended(attachment.exit_code().unwrap_or(255))),
            },
            Some(()) = detached.recv() => return Ok(Talk::Detached),
            bytes = typed.recv(), if open => match bytes {
                Some(bytes) => attachment.write(&bytes).await?,
                None => { open = false; attachment.close_input().await?; }
            },
            _ = resized.recv(), if terminal.is_some() => {
                if let Some(size) = size() {
                    attachment.resize(size).await?;
                }
            }
        }
    }
}

/// Runs a command that is connected to our streams by pipes, until it ends.
///
/// Never by our own descriptors: a program could open again what it is handed, a file for reading
/// that we write to, or walk out of a directory.
///
/// # Errors
/// The command cannot be started, or the connection broke.
pub async fn with_pipes<E: Engine>(
    engine: &E,
    container: &ContainerId,
    spec: &ExecSpec,
    output: &Output,
    stdin: bool,
) -> Result<i32> {
    let input = if stdin { input()? } else { Input { theirs: nothing()?, ours: None } };
    let ((out, their_out), (err, their_err)) = (pipe()?, pipe()?);
    let stdio = ExecStdio::Pipes([input.theirs, their_out, their_err]);
    let mut exec = engine.exec(container, spec, stdio).await?;
    if let Some(writer) = input.ours {
        let typed = read_input(DetachKeys::none(), mpsc::channel(1).0);
        std::thread::spawn(move || write_to(&writer, typed));
    }
    let out = read_from(out, output.clone(), Stream::Stdout);
    let err = read_from(err, output.clone(), Stream::Stderr);
    let code = exec.wait().await?;
    // All that it has printed itself; others that it left behind may hold its streams open.
    let silent = futures_util::future::join(out, err);
    let _ = tokio::time::timeout(AFTERMATH, silent).await;
    Ok(code)
}

/// The two ends of a command's input.
struct Input {
    theirs: OwnedFd,
    /// `None`: nobody writes to it but who does already.
    ours: Option<OwnedFd>,
}

/// Our input: as it is if it is a pipe, which holds what nobody has read; else through one. A pipe
/// that has a name is a file of the host: its owner and mode are not for the container to change.
fn input() -> Result<Input> {
    const PIPEFS_MAGIC: u64 = 0x5049_5045;
    let stdin = rustix::stdio::stdin();
    let kind = rustix::fs::fstat(stdin).map(|stat| FileType::from_raw_mode(stat.st_mode));
    let nameless = rustix::fs::fstatfs(stdin).is_ok_and(|it| it.f_type as u64 == PIPEFS_MAGIC);
    if kind == Ok(FileType::Fifo) && nameless {
        let copy = stdin.try_clone_to_owned().context(|| "cannot copy a descriptor".to_owned())?;
        return Ok(Input { theirs: copy, ours: None });
    }
    let (theirs, ours) = pipe()?;
    Ok(Input { theirs, ours: Some(ours) })
}

fn nothing() -> Result<OwnedFd> {
    let null = std::fs::File::open("/dev/null").context(|| "cannot open /dev/null".to_owned())?;
    Ok(null.into())
}

/// A pipe: where it is read, and where it is written.
fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let made = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    Ok(made.map_err(std::io::Error::from).context(|| "cannot make a pipe".to_owned())?)
}

fn listen(kind: SignalKind) -> Result<tokio::signal::unix::Signal> {
    Ok(signal(kind).context(|| "cannot listen for signals".to_owned())?)
}

/// Reads standard input on a thread of its own, since reading a terminal blocks. The channel ends
/// with the input, or with the detach keys, which are told to `detach`.
fn read_input(mut keys: DetachKeys, detach: mpsc::Sender<()>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let (mut stdin, mut buffer) = (std::io::stdin().lock(), vec![0; 16 * 1024]);
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            let (passed, found) = keys.filter(&buffer[..length]);
            if !passed.is_empty() && sender.blocking_send(passed).is_err() {
                return;
            }
            if found {
                // Nobody listens when the program has ended meanwhile.
                let _ = detach.blocking_send(());
                return;
            }
        }
    });
    receiver
}

fn write_to(terminal: &OwnedFd, mut typed: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = typed.blocking_recv() {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(terminal, rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                // The other end is gone, which the command's exit code tells.
                Err(_) => return,
            }
        }
    }
}

/// Copies what comes from a command to a stream of ours, on a thread of its own; the receiver
/// learns when there is no more.
fn read_from(source: OwnedFd, output: Output, stream: Stream) -> oneshot::Receiver<()> {
    let (done, silent) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let print = |bytes: &[u8]| match stream {
                Stream::Stdout => output.print(bytes),
                Stream::Stderr => output.say(bytes),
            };
            match rustix::io::read(&source, &mut buffer) {
                Ok(length @ 1..) if print(&buffer[..length]).is_ok() => {}
                Err(rustix::io::Errno::INTR) => {}
                // End of file, or EIO when the last process has closed the terminal.
                _ => break,
            }
        }
        // Nobody waits any more when too much time has passed.
        let _ = done.send(());
    });
    silent
}

fn resize(master: &OwnedFd) {
    let Some(size) = size() else { return };
    let size = rustix::termios::Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // A terminal that is gone needs no size.
    let _ = rustix::termios::tcsetwinsize(master.as_fd(), size);
}
