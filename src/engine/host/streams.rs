//! Connections to shims, waited for by tokio: status, commands, input and output, logs.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::{
    AttachOptions, Attachment, Exec, ExecStdio, LogOptions, LogRecord, Logs, Stream, TerminalSize,
    Watch,
};
use crate::resource::container::Status;
use crate::resource::process::ExecSpec;
use crate::shim::client::{self, Client, Received};
use crate::shim::log::Reader;
use crate::shim::protocol::{Frame, Reply};
use crate::state::ContainerDir;

use super::{Host, observe, start};

/// A connection that tokio waits for.
#[derive(Debug)]
struct Connection(AsyncFd<Client>);

impl Connection {
    fn new(client: Client) -> Result<Connection> {
        client.set_nonblocking(true)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        // Deprecated because a descriptor might be closed while it is watched; `Client` owns its
        // socket and gives it to nobody. What replaces it is unsafe, which only `sys` may be.
        #[expect(deprecated)]
        let watched = AsyncFd::with_interest(client, both);
        watched.map(Connection).context(|| "cannot watch a connection".to_owned())
    }

    /// The next reply; `None` when the shim has ended.
    async fn reply(&self) -> Result<Option<Reply>> {
        let received = self.read(Client::receive).await;
        Ok(received.context(|| "lost the container's shim".to_owned())?.map(|(reply, _)| reply))
    }

    async fn read<T>(&self, read: impl Fn(&Client) -> io::Result<T>) -> io::Result<T> {
        self.0.async_io(Interest::READABLE, read).await
    }

    async fn write(&self, write: impl Fn(&Client) -> io::Result<()>) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, write).await
    }
}

/// Follows a container's status.
#[derive(Debug)]
pub struct HostWatch {
    dir: ContainerDir,
    /// `None`: there is no shim, or no longer.
    shim: Option<Connection>,
    /// What the shim left behind was told.
    over: bool,
}

/// Connects to the shim of `id`; of a container without one, its record is all there is to tell.
pub(super) fn watch(host: &Host, id: &ContainerId) -> Result<HostWatch> {
    watch_dir(host.roots().container(id))
}

fn watch_dir(dir: ContainerDir) -> Result<HostWatch> {
    let shim = match client::watch(&dir) {
        Ok(client) => Some(Connection::new(client)?),
        Err(error) if error.kind() == Kind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(HostWatch { dir, shim, over: false })
}

impl Watch for HostWatch {
    async fn next(&mut self) -> Result<Option<Status>> {
        while let Some(shim) = &self.shim {
            match shim.reply().await? {
                Some(Reply::Status(status)) => return Ok(Some(*status)),
                Some(Reply::Failed(failure)) => return Err(failure.into()),
                Some(_) => {}
                None => self.shim = None,
            }
        }
        // A shim writes its record before it ends, and may end before a watcher has heard all.
        match std::mem::replace(&mut self.over, true) || !self.dir.spec().exists() {
            true => Ok(None),
            false => observe::status(&self.dir).map(Some),
        }
    }
}

/// A command in a container.
#[derive(Debug)]
pub struct HostExec {
    connection: Connection,
    terminal: Option<OwnedFd>,
}

/// Runs a command in a running container.
pub(super) fn exec(
    host: &Host,
    id: &ContainerId,
    spec: &ExecSpec,
    stdio: ExecStdio,
) -> Result<HostExec> {
    let dir = host.roots().container(id);
    // Our copies of the pipes are closed once they were sent: readers must see their end.
    let exec = match stdio {
        ExecStdio::Pipes(pipes) => {
            client::exec(&dir, spec, None, &pipes.each_ref().map(AsFd::as_fd))?
        }
        ExecStdio::Terminal(size) => client::exec(&dir, spec, Some(size), &[])?,
    };
    Ok(HostExec { connection: Connection::new(exec.client)?, terminal: exec.terminal })
}

impl Exec for HostExec {
    fn terminal(&mut self) -> Option<OwnedFd> {
        self.terminal.take()
    }

    async fn wait(&mut self) -> Result<i32> {
        match self.connection.reply().await? {
            Some(Reply::Exited { code }) => Ok(code),
            Some(Reply::Failed(failure)) => Err(failure.into()),
            Some(_) | None => Err(Error::other("the container ended while the command ran")),
        }
    }
}

/// A connection to a container's input and output.
#[derive(Debug)]
pub struct HostAttachment {
    dir: ContainerDir,
    connection: Connection,
    exit_code: Option<i32>,
}

/// Connects to a container's streams; starts it when that is asked for.
pub(super) fn attach(
    host: &Host,
    id: &ContainerId,
    options: AttachOptions,
) -> Result<HostAttachment> {
    let client = match options.start {
        true => {
            let (ours, theirs) = client::attachment(options.stdin)?;
            // Before the start: the program finds its terminal as large as it will be.
            send_size(&ours, options.size)?;
            start::start(host, id, Some(theirs))?;
            ours
        }
        false => {
            let client = client::attach(&host.roots().container(id), options.stdin)?;
            // Two sizes: programs draw what they show anew when it changes (Docker: the same).
            let larger = |size: TerminalSize| TerminalSize {
                rows: size.rows.saturating_add(1),
                columns: size.columns.saturating_add(1),
            };
            send_size(&client, options.size.map(larger))?;
            send_size(&client, options.size)?;
            client
        }
    };
    let dir = host.roots().container(id);
    Ok(HostAttachment { dir, connection: Connection::new(client)?, exit_code: None })
}

fn send_size(client: &Client, size: Option<TerminalSize>) -> Result<()> {
    let Some(size) = size else { return Ok(()) };
    client.send_size(size).context(|| "cannot size the container's terminal".to_owned())
}

impl HostAttachment {
    /// Sends one packet; a container that has ended takes no more input, which is no error.
    async fn send(&self, send: impl Fn(&Client) -> io::Result<()>) -> Result<()> {
        match self.connection.write(send).await {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            sent => sent.context(|| "cannot reach the container".to_owned()),
        }
    }
}

impl Attachment for HostAttachment {
    async fn read(&mut self) -> Result<Option<(Stream, Vec<u8>)>> {
        let received = self.connection.read(Client::receive_frame).await;
        match received.context(|| "cannot read the container's output".to_owned())? {
            Received::Output(bytes) => Ok(Some((Stream::Stdout, bytes))),
            Received::Error(bytes) => Ok(Some((Stream::Stderr, bytes))),
            Received::Exit(code) => {
                self.exit_code = Some(code);
                Ok(None)
            }
            Received::Closed => {
                // The shim gave this connection up, perhaps before the container's end.
                let mut watch = watch_dir(self.dir.clone())?;
                while let Some(status) = watch.next().await? {
                    self.exit_code = status.exit_code;
                }
                Ok(None)
            }
        }
    }

    async fn write(&mut self, input: &[u8]) -> Result<()> {
        // One packet at a time: only a whole packet may be sent again after `WouldBlock`.
        for piece in input.chunks(crate::shim::protocol::MAX_PACKET - 1) {
            self.send(|client| client.send_frame(Frame::Data, piece)).await?;
        }
        Ok(())
    }

    async fn close_input(&mut self) -> Result<()> {
        self.send(|client| client.send_frame(Frame::End, &[])).await
    }

    async fn resize(&mut self, size: TerminalSize) -> Result<()> {
        self.send(|client| client.send_size(size)).await
    }

    fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }
}

/// A container's output.
#[derive(Debug)]
pub struct HostLogs {
    reader: Reader,
    /// Tells of new output; `None`: read to the present end only.
    news: Option<Connection>,
    /// Nothing that is printed after this moment is of interest.
    until: Option<Timestamp>,
}

/// Opens a container's log.
pub(super) fn logs(host: &Host, id: &ContainerId, options: &LogOptions) -> Result<HostLogs> {
    let dir = host.roots().container(id);
    // First the connection, then the file: what is printed in between is announced or read.
    let news = match options.follow {
        true => watch(host, id)?.shim,
        false => None,
    };
    Ok(HostLogs { reader: Reader::open(&dir, options.clone())?, news, until: options.until })
}

impl Logs for HostLogs {
    async fn next(&mut self) -> Result<Option<Vec<LogRecord>>> {
        loop {
            let records = self.reader.read()?;
            if !records.is_empty() {
                return Ok(Some(records));
            }
            let Some(news) = self.news.as_ref().filter(|_| !self.reader.is_over()) else {
                return Ok(None);
            };
            let left = self.until.map(|until| until.duration_since(Timestamp::now()));
            let told = match left.map(|left| Duration::try_from(left).unwrap_or_default()) {
                Some(left) => tokio::time::timeout(left, news.reply()).await.ok(),
                None => Some(news.reply().await),
            };
            match told.transpose()?.flatten() {
                Some(Reply::Failed(failure)) => return Err(failure.into()),
                Some(_) => {}
                // The shim has ended, or the moment has come although nothing was printed: what
                // was written last is read in one more round.
                None => self.news = None,
            }
        }
    }
}
