//! Talking to a shim: one connection, one request, and what follows.
//!
//! A [`Client`] blocks, as suits the command line's blocking threads. For an event loop, make it
//! non-blocking: it is a descriptor, and its functions return `WouldBlock` then.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::base::{Context, Error, Kind, Result};
use crate::resource::container::Status;
use crate::resource::process::{ExecSpec, TerminalSize};
use crate::state::ContainerDir;

use super::protocol::{Frame, MAX_PACKET, Reply, Request};
use super::socket;

/// A connection to a shim.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
}

/// What comes on an attached connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Standard output, or the terminal's.
    Output(Vec<u8>),
    /// Standard error.
    Error(Vec<u8>),
    /// The container ended with this code.
    Exit(i32),
    /// The connection ended; without `Exit` before, the shim was lost or gave this client up.
    Closed,
}

impl Client {
    /// Connects to the shim of the container in `dir`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when the container does not run.
    pub fn connect(dir: &ContainerDir) -> Result<Client> {
        match socket::connect(&dir.control()) {
            Ok(socket) => Ok(Client { socket }),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                Err(not_running(dir))
            }
            Err(error) => {
                Err(error).context(|| format!("cannot reach the shim of container {}", short(dir)))
            }
        }
    }

    /// Sends a request with the descriptors it needs.
    ///
    /// # Errors
    /// The shim is gone ([`Kind::NotFound`]), or the request does not fit in a packet.
    pub fn send(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        let text = serde_json::to_vec(request).map_err(|error| Error::other(error.to_string()))?;
        if text.len() > MAX_PACKET {
            return Err(Error::new(Kind::Invalid, "the command is too long"));
        }
        match socket::send(self.socket.as_fd(), &[IoSlice::new(&text)], descriptors) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(gone()),
            result => result.context(|| "cannot send a request to the container's shim".to_owned()),
        }
    }

    /// The next reply, and a descriptor that came with it; `None` when the shim has ended.
    ///
    /// # Errors
    /// `WouldBlock` on a non-blocking connection when none is there.
    pub fn receive(&self) -> io::Result<Option<(Reply, Option<OwnedFd>)>> {
        // A status with probes that printed control characters takes more than other packets.
        let mut buffer = vec![0; 4 * MAX_PACKET];
        let mut packet = socket::receive(self.socket.as_fd(), &mut buffer)?;
        if packet.length == 0 {
            return Ok(None);
        }
        let reply = serde_json::from_slice(&buffer[..packet.length])?;
        Ok(Some((reply, packet.descriptors.pop())))
    }

    /// As [`Client::receive`], where the shim owes a reply. `Reply::Failed` becomes the error.
    ///
    /// # Errors
    /// What the shim says, or [`Kind::NotFound`] when it ended before it answered.
    pub fn reply(&self) -> Result<(Reply, Option<OwnedFd>)> {
        match self.receive().context(|| "cannot read the shim's answer".to_owned())? {
            Some((Reply::Failed(failure), _)) => Err(failure.into()),
            Some(reply) => Ok(reply),
            None => Err(gone()),
        }
    }

    /// Sends a packet of an attached connection: input, its end, or the terminal's size.
    ///
    /// # Errors
    /// `WouldBlock` on a non-blocking connection while the container does not read;
    /// `BrokenPipe` when it ended.
    pub fn send_frame(&self, frame: Frame, content: &[u8]) -> io::Result<()> {
        let header = [frame as u8];
        if content.is_empty() {
            return socket::send(self.socket.as_fd(), &[IoSlice::new(&header)], &[]);
        }
        for piece in content.chunks(MAX_PACKET - 1) {
            let parts = [IoSlice::new(&header), IoSlice::new(piece)];
            socket::send(self.socket.as_fd(), &parts, &[])?;
        }
        Ok(())
    }

    /// Tells the container's terminal its size.
    ///
    /// # Errors
    /// As [`Client::send_frame`].
    pub fn send_size(&self, size: TerminalSize) -> io::Result<()> {
        let [a, b] = size.rows.to_be_bytes();
        let [c, d] = size.columns.to_be_bytes();
        self.send_frame(Frame::Resize, &[a, b, c, d])
    }

    /// The next piece of an attached connection.
    ///
    /// # Errors
    /// `WouldBlock` on a non-blocking connection when none is there; what the shim says when it
    /// refuses (`Other`).
    pub fn receive_frame(&self) -> io::Result<Received> {
        let mut buffer = vec![0; MAX_PACKET];
        let packet = socket::receive(self.socket.as_fd(), &mut buffer)?;
        buffer.truncate(packet.length);
        let Some(first) = buffer.first() else { return Ok(Received::Closed) };
        if let Some(frame) = Frame::from_byte(*first) {
            let content = buffer.split_off(1);
            return match frame {
                Frame::Data => Ok(Received::Output(content)),
                Frame::Error => Ok(Received::Error(content)),
                Frame::Exit => match <[u8; 4]>::try_from(content.as_slice()) {
                    Ok(code) => Ok(Received::Exit(i32::from_be_bytes(code))),
                    Err(_) => Err(ErrorKind::InvalidData.into()),
                },
                Frame::End | Frame::Resize => Err(ErrorKind::InvalidData.into()),
            };
        }
        match serde_json::from_slice(&buffer)? {
            Reply::Failed(failure) => Err(io::Error::other(Error::from(failure))),
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }

    /// Makes the connection return `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// None in practice.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        socket::set_nonblocking(self.socket.as_fd(), nonblocking)
            .context(|| "cannot change a connection".to_owned())
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Client {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Asks once and waits for the answer.
///
/// # Errors
/// [`Kind::NotFound`] when the container does not run, or what its shim says.
pub fn request(dir: &ContainerDir, request: &Request) -> Result<Reply> {
    let client = Client::connect(dir)?;
    client.send(request, &[])?;
    client.reply().map(|(reply, _)| reply)
}

/// The container's status as its shim has it.
///
/// # Errors
/// As [`request`].
pub fn status(dir: &ContainerDir) -> Result<Status> {
    match request(dir, &Request::Status)? {
        Reply::Status(status) => Ok(*status),
        _ => Err(Error::other("the container's shim gave another answer than its status")),
    }
}

/// As [`status`], from a shim that does not take longer to answer.
///
/// # Errors
/// As [`request`], and when it takes longer.
pub fn status_within(dir: &ContainerDir, limit: Duration) -> Result<Status> {
    let client = Client::connect(dir)?;
    set_socket_timeout(&client, Timeout::Recv, Some(limit))
        .map_err(io::Error::from)
        .context(|| "cannot limit the wait for an answer".to_owned())?;
    client.send(&Request::Status, &[])?;
    match client.reply()? {
        (Reply::Status(status), _) => Ok(*status),
        _ => Err(Error::other("the container's shim gave another answer than its status")),
    }
}

/// A connection on which [`Client::receive`] gives the status now and on each change, and
/// [`Reply::Output`] after new output; it ends when the shim ends.
///
/// # Errors
/// As [`request`].
pub fn watch(dir: &ContainerDir) -> Result<Client> {
    let client = Client::connect(dir)?;
    client.send(&Request::Watch, &[])?;
    Ok(client)
}

/// A command that runs in a container.
#[derive(Debug)]
pub struct Exec {
    /// [`Client::receive`] gives [`Reply::Exited`] when it ends.
    pub client: Client,
    /// Its process id on the host.
    pub pid: i32,
    /// The master side of its terminal, if it was asked for.
    pub terminal: Option<OwnedFd>,
}

/// Runs a command. Without `spec.tty`, `stdio` are its input, output and errors.
///
/// # Errors
/// [`Kind::NoSuchProgram`], [`Kind::NotExecutable`], [`Kind::Conflict`] while the container is
/// paused, [`Kind::NotFound`] when it does not run, and other reasons why it could not be started.
pub fn exec(
    dir: &ContainerDir,
    spec: &ExecSpec,
    size: Option<TerminalSize>,
    stdio: &[BorrowedFd<'_>],
) -> Result<Exec> {
    let client = Client::connect(dir)?;
    let size = size.map(|size| (size.rows, size.columns));
    client.send(&Request::Exec { spec: spec.clone(), size }, stdio)?;
    match client.reply()? {
        (Reply::Started { pid }, terminal) => Ok(Exec { client, pid, terminal }),
        _ => Err(Error::other("the container's shim did not say that the command runs")),
    }
}

/// Connects to a running container's streams; go on with [`Client::receive_frame`].
///
/// # Errors
/// As [`request`].
pub fn attach(dir: &ContainerDir, stdin: bool) -> Result<Client> {
    let client = Client::connect(dir)?;
    client.send(&Request::Attach { stdin }, &[])?;
    Ok(client)
}

/// A connection for a container that is about to be started: the second half goes to
/// [`super::spawn`], so that the first half misses no output.
///
/// # Errors
/// No descriptors are left.
pub fn attachment(stdin: bool) -> Result<(Client, OwnedFd)> {
    let (ours, theirs) = socket::pair().context(|| "cannot make a connection".to_owned())?;
    let client = Client { socket: ours };
    client.send(&Request::Attach { stdin }, &[])?;
    Ok((client, theirs))
}

fn short(dir: &ContainerDir) -> String {
    let name = dir.data().file_name().unwrap_or_default().to_string_lossy();
    name.chars().take(12).collect()
}

fn not_running(dir: &ContainerDir) -> Error {
    Error::new(Kind::NotFound, format!("container {} is not running", short(dir)))
}

fn gone() -> Error {
    Error::new(Kind::NotFound, "the container has ended")
}
