//! The socket by which another runtime hands over a container's terminal.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};
use rustix::termios::Winsize;

use crate::base::{Context, Error, Result};

use super::super::start::Size;

/// A socket that waits for one terminal.
#[derive(Debug)]
pub(super) struct Console {
    socket: OwnedFd,
    /// Where it lies: paths of sockets may not be longer than 107 bytes, those of descriptors are.
    directory: OwnedFd,
    path: PathBuf,
}

const NAME: &str = "console";

impl Console {
    /// Listens in `directory`.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn listen(directory: &Path) -> Result<Console> {
        let listen = || -> io::Result<Console> {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = rustix::fs::open(directory, flags, Mode::empty())?;
            let (process, number) = (std::process::id(), directory.as_raw_fd());
            let path = PathBuf::from(format!("/proc/{process}/fd/{number}/{NAME}"));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // Not waited for: when the runtime has ended, it has sent the terminal or never will.
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let kind = SocketType::STREAM;
            let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
            rustix::net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
            rustix::fs::chmod(&path, Mode::RUSR | Mode::WUSR)?;
            rustix::net::listen(&socket, 1)?;
            Ok(Console { socket, directory, path })
        };
        listen().context(|| "cannot wait for a terminal".to_owned())
    }

    /// Where the runtime finds it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The terminal, which was sent by now, made as large as was asked for.
    ///
    /// # Errors
    /// None was sent.
    pub(super) fn receive(self, size: Option<Size>) -> Result<OwnedFd> {
        let received = self.take();
        drop(self.directory);
        let master = received
            .and_then(|fd| fd.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
            .map_err(|error| Error::other("the runtime sent no terminal").with_source(error))?;
        if let Some(size) = size {
            let size =
                Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
            rustix::termios::tcsetwinsize(&master, size)
                .map_err(io::Error::from)
                .context(|| "cannot set the terminal's size".to_owned())?;
        }
        Ok(master)
    }

    fn take(&self) -> io::Result<Option<OwnedFd>> {
        let connection = rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC)?;
        let mut name = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        rustix::net::recvmsg(
            &connection,
            &mut [IoSliceMut::new(&mut name)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        Ok(ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        }))
    }
}
