//! `SOCK_SEQPACKET` sockets: packets that stay whole, with descriptors in them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

/// Most descriptors in one packet.
const MAX_DESCRIPTORS: usize = 3;

/// A packet that came in.
#[derive(Debug)]
pub(super) struct Packet {
    /// Its length; 0: the other side ended the connection.
    pub length: usize,
    /// Descriptors that came with it.
    pub descriptors: Vec<OwnedFd>,
}

/// Listens at `path`, for this user only.
///
/// # Errors
/// The directory is missing or the name is taken.
pub(super) fn listen(path: &Path) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    at_path(path, |address| Ok(rustix::net::bind(&socket, address)?))?;
    rustix::fs::chmod(path, Mode::RUSR | Mode::WUSR)?;
    rustix::net::listen(&socket, 64)?;
    Ok(socket)
}

/// Connects to who listens at `path`.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when nobody does.
pub(super) fn connect(path: &Path) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    at_path(path, |address| Ok(rustix::net::connect(&socket, address)?))?;
    Ok(socket)
}

/// Two connected sockets.
///
/// # Errors
/// No descriptors are left.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let kind = SocketType::SEQPACKET;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?)
}

/// The next connection, if one waits and comes from this user or root.
///
/// # Errors
/// `WouldBlock` when none waits.
pub(super) fn accept(listener: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::accept_with(listener, flags)?;
    let peer = rustix::net::sockopt::socket_peercred(&socket)?;
    let allowed = peer.uid.is_root() || peer.uid == rustix::process::geteuid();
    Ok(allowed.then_some(socket))
}

/// Sends one packet; all of it or nothing.
///
/// # Errors
/// `WouldBlock` when the other side's queue is full, `BrokenPipe` when it is gone.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    loop {
        match rustix::net::sendmsg(socket, parts, &mut control, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => (),
            Err(rustix::io::Errno::CONNRESET) => return Err(io::ErrorKind::BrokenPipe.into()),
            result => return Ok(result.map(|_| ())?),
        }
    }
}

/// Receives one packet.
///
/// # Errors
/// `WouldBlock` when none is there, `InvalidData` for one longer than `buffer`.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Packet> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(buffer)];
    let received = loop {
        let flags = RecvFlags::CMSG_CLOEXEC;
        match rustix::net::recvmsg(socket, &mut parts, &mut control, flags) {
            // CONNRESET: a peer closed with packets of ours unread. The kernel says so once, before
            // it hands out what that peer sent last.
            Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => (),
            result => break result?,
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.flags.contains(rustix::net::ReturnFlags::TRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Packet { length: received.bytes, descriptors })
}

/// Makes reading and writing return at once, or wait.
///
/// # Errors
/// The descriptor is closed.
pub(super) fn set_nonblocking(socket: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(socket, nonblocking)?)
}

/// Uses an address of which only the last component counts for its length: `sun_path` has 108
/// bytes, and roots may lie deep.
fn at_path<T>(path: &Path, work: impl FnOnce(&SocketAddrUnix) -> io::Result<T>) -> io::Result<T> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = rustix::fs::open(parent, flags, Mode::empty())?;
    let short = format!("/proc/self/fd/{}", parent.as_fd().as_raw_fd());
    work(&SocketAddrUnix::new(Path::new(&short).join(name))?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn descriptors_travel_with_their_packet() {
        let (ours, theirs) = pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        send(ours.as_fd(), &[IoSlice::new(b"take "), IoSlice::new(b"this")], &[writer.as_fd()])
            .unwrap();
        drop(writer);

        let mut buffer = [0; 64];
        let mut packet = receive(theirs.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..packet.length], b"take this");
        let mut file = std::fs::File::from(packet.descriptors.pop().unwrap());
        file.write_all(b"through the pipe").unwrap();
        drop(file);
        let mut text = String::new();
        std::fs::File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through the pipe");
    }

    #[test]
    fn a_deep_directory_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let listener = listen(&deep.join("ctl.sock")).unwrap();
        let client = connect(&deep.join("ctl.sock")).unwrap();
        let server = accept(listener.as_fd()).unwrap().expect("it is ourselves");
        send(client.as_fd(), &[IoSlice::new(b"hello")], &[]).unwrap();
        assert_eq!(receive(server.as_fd(), &mut [0; 8]).unwrap().length, 5);
        drop(client);
        assert_eq!(receive(server.as_fd(), &mut [0; 8]).unwrap().length, 0);
    }

    #[test]
    fn the_last_words_of_a_peer_that_did_not_listen_are_heard() {
        let (ours, theirs) = pair().unwrap();
        send(ours.as_fd(), &[IoSlice::new(b"no more input")], &[]).unwrap();
        send(theirs.as_fd(), &[IoSlice::new(b"exit")], &[]).unwrap();
        drop(theirs);
        let error = send(ours.as_fd(), &[IoSlice::new(b"hello?")], &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(receive(ours.as_fd(), &mut [0; 8]).unwrap().length, 4);
        assert_eq!(receive(ours.as_fd(), &mut [0; 8]).unwrap().length, 0);

        let (ours, theirs) = pair().unwrap();
        send(ours.as_fd(), &[IoSlice::new(b"no more input")], &[]).unwrap();
        send(theirs.as_fd(), &[IoSlice::new(b"exit")], &[]).unwrap();
        drop(theirs);
        assert_eq!(receive(ours.as_fd(), &mut [0; 8]).unwrap().length, 4);
        assert_eq!(receive(ours.as_fd(), &mut [0; 8]).unwrap().length, 0);
    }

    #[test]
    fn an_overlong_packet_is_an_error_not_a_shorter_packet() {
        let (ours, theirs) = pair().unwrap();
        send(ours.as_fd(), &[IoSlice::new(b"123456789")], &[]).unwrap();
        let error = receive(theirs.as_fd(), &mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
