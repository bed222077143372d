//! Messages to a syslog server: RFC 3164 and RFC 5424, over datagrams or a stream.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::base::{ContainerId, Context, Result};
use crate::resource::container::ContainerSpec;
use crate::resource::log::Stream;

use super::super::options;
use super::Message;

/// Bytes kept for a server that does not take them at once (Docker: `max-buffer-size`).
pub(super) const LIMIT: usize = 1 << 20;

/// How long connecting may take, and how long a lost server is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where local programs find the server.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// What the driver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shim::log) struct Config {
    pub(super) address: Address,
    /// Its number.
    pub(super) facility: u8,
    pub(super) format: Format,
    /// Bytes kept for a slow server.
    pub(super) limit: usize,
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// This machine's own.
    Local,
    Udp(SocketAddr),
    Tcp(SocketAddr),
    Unix(PathBuf),
    UnixDatagram(PathBuf),
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As the C library does for the local server: without a host name.
    Unix,
    Rfc3164,
    Rfc5424,
    /// With microseconds.
    Rfc5424Micro,
}

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Syslog {
    config: Config,
    tag: String,
    host: String,
    zone: TimeZone,
    socket: Option<Socket>,
    /// Encoded messages that a stream has not taken yet.
    kept: Vec<u8>,
    dropped: u64,
    /// A lost server is not asked again before.
    retry: Option<Instant>,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Datagram(UnixDatagram),
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Config {
    /// Connects to the server.
    ///
    /// # Errors
    /// It is not there (over UDP that cannot be known).
    pub(super) fn connect(self, spec: &ContainerSpec, id: &ContainerId) -> Result<Syslog> {
        let socket = self.address.connect();
        let socket = socket.context(|| "failed to initialize logging driver: syslog".to_owned())?;
        Ok(Syslog {
            config: self,
            tag: options::tag_of(spec, id),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            zone: TimeZone::system(),
            socket: Some(socket),
            kept: Vec::new(),
            dropped: 0,
            retry: None,
        })
    }
}

impl Address {
    fn connect(&self) -> io::Result<Socket> {
        let socket = match self {
            Address::Local => {
                let found = LOCAL.iter().find_map(|path| local(Path::new(path)).ok());
                found.ok_or_else(|| io::Error::new(ErrorKind::NotFound, "no server on /dev/log"))?
            }
            Address::Udp(address) => {
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                Socket::Udp(socket)
            }
            Address::Tcp(address) => Socket::Tcp(TcpStream::connect_timeout(address, PATIENCE)?),
            Address::Unix(path) => match UnixStream::connect(path) {
                // As /dev/log usually is.
                Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => local(path)?,
                stream => Socket::Unix(stream?),
            },
            Address::UnixDatagram(path) => local(path)?,
        };
        socket.set_nonblocking()?;
        Ok(socket)
    }
}

fn local(path: &Path) -> io::Result<Socket> {
    let socket = UnixDatagram::unbound()?;
    match socket.connect(path) {
        Ok(()) => Ok(Socket::Datagram(socket)),
        Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
            UnixStream::connect(path).map(Socket::Unix)
        }
        Err(error) => Err(error),
    }
}

impl Socket {
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Socket::Udp(socket) => socket.set_nonblocking(true),
            Socket::Datagram(socket) => socket.set_nonblocking(true),
            Socket::Tcp(socket) => socket.set_nonblocking(true),
            Socket::Unix(socket) => socket.set_nonblocking(true),
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self, Socket::Tcp(_) | Socket::Unix(_))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Udp(socket) => socket.send(bytes),
            Socket::Datagram(socket) => socket.send(bytes),
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        }
    }
}

impl Syslog {
    /// Sends a message, keeps it for later, or counts it as lost.
    pub(super) fn send(&mut self, message: Message<'_>) {
        let text = self.encode(message);
        if self.dropped > 0 && self.kept.is_empty() {
            let lost = format!("compose: the server was away: {} messages lost", self.dropped);
            let notice = Message { stream: Stream::Stderr, text: lost.as_bytes(), ..message };
            let notice = self.encode(notice);
            if self.hand_over(&notice) {
                self.dropped = 0;
            }
        }
        if !self.hand_over(&text) {
            self.dropped += 1;
        }
    }

    fn hand_over(&mut self, text: &[u8]) -> bool {
        let is_stream = self.socket.as_ref().is_some_and(Socket::is_stream);
        if is_stream {
            if self.kept.len() + text.len() > self.config.limit {
                self.flush();
            }
            let fits = self.kept.len() + text.len() <= self.config.limit;
            if fits {
                self.kept.extend_from_slice(text);
            }
            return fits;
        }
        self.reconnect();
        let Some(socket) = &mut self.socket else { return false };
        match socket.write(text) {
            Ok(_) => true,
            // Full for a moment.
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            // Over UDP an earlier datagram was refused; this one may arrive.
            Err(_) if matches!(socket, Socket::Udp(_)) => socket.write(text).is_ok(),
            Err(_) => {
                self.socket = None;
                false
            }
        }
    }

    /// Writes what is kept for a stream; `true` if some of it has to wait still.
    pub(super) fn flush(&mut self) -> bool {
        self.reconnect();
        while !self.kept.is_empty() {
            let Some(socket) = &mut self.socket else { break };
            match socket.write(&self.kept) {
                Ok(count) => drop(self.kept.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => {
                    // The beginning of what is kept may be half a message.
                    let lines = memchr::memchr_iter(b'\n', &self.kept).count() as u64;
                    self.dropped += lines;
                    self.kept.clear();
                    self.socket = None;
                }
            }
        }
        false
    }

    /// Looks for a lost server again, now and then.
    fn reconnect(&mut self) {
        let now = Instant::now();
        if self.socket.is_some() || self.retry.is_some_and(|retry| now < retry) {
            return;
        }
        self.socket = self.config.address.connect().ok();
        self.retry = self.socket.is_none().then(|| now + PATIENCE);
    }

    /// Docker: the process id is the logger's, and errors are those of standard error.
    fn encode(&self, message: Message<'_>) -> Vec<u8> {
        let severity = if message.stream == Stream::Stderr { 3 } else { 6 };
        let priority = self.config.facility * 8 + severity;
        let (tag, host, pid) = (&self.tag, &self.host, std::process::id());
        let time = message.time.to_zoned(self.zone.clone());
        let time = |format: &str| time.strftime(format).to_string();
        let head = match self.config.format {
            Format::Unix => format!("<{priority}>{} {tag}[{pid}]: ", time("%b %e %H:%M:%S")),
            Format::Rfc3164 => {
                format!("<{priority}>{} {host} {tag}[{pid}]: ", time("%b %e %H:%M:%S"))
            }
            Format::Rfc5424 => {
                let time = time("%Y-%m-%dT%H:%M:%S%:z");
                format!("<{priority}>1 {time} {host} {tag} {pid} {tag} - ")
            }
            Format::Rfc5424Micro => {
                let time = time("%Y-%m-%dT%H:%M:%S%.6f%:z");
                format!("<{priority}>1 {time} {host} {tag} {pid} {tag} - ")
            }
        };
        [head.as_bytes(), message.text, b"\n"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: Format) -> String {
        let config = Config { address: Address::Local, facility: 3, format, limit: LIMIT };
        let syslog = Syslog {
            config,
            tag: "web".to_owned(),
            host: "box".to_owned(),
            zone: TimeZone::UTC,
            socket: None,
            kept: Vec::new(),
            dropped: 0,
            retry: None,
        };
        let time = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        let text = b"hello".as_slice();
        let message = Message { stream: Stream::Stderr, time, text, partial: false };
        let text = String::from_utf8(syslog.encode(message)).unwrap();
        text.replace(&std::process::id().to_string(), "PID")
    }

    #[test]
    fn messages_are_written_as_servers_read_them() {
        assert_eq!(encoded(Format::Unix), "<27>Jan  2 03:04:05 web[PID]: hello\n");
        assert_eq!(encoded(Format::Rfc3164), "<27>Jan  2 03:04:05 box web[PID]: hello\n");
        assert_eq!(
            encoded(Format::Rfc5424),
            "<27>1 2026-01-02T03:04:05+00:00 box web PID web - hello\n"
        );
        assert_eq!(
            encoded(Format::Rfc5424Micro),
            "<27>1 2026-01-02T03:04:05.678901+00:00 box web PID web - hello\n"
        );
    }
}
