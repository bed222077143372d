//! Hears when somebody deletes rules of nftables.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::nft::DELETIONS;
use crate::sys::seccomp::Instruction;

/// The group of changes to nftables (`NFNLGRP_NFTABLES` of `linux/netfilter/nfnetlink.h`), as a bit.
const GROUP: u32 = 1 << 6;

/// Where a message says what it is (`struct nlmsghdr`).
const KIND_OFFSET: u32 = 4;

/// Messages taken in one go.
const TURN: usize = 64;

/// A socket that becomes readable when somebody deletes a table, a chain, a set or a rule, in the
/// network namespace in which it was opened. Whoever adds something, or deletes elements of a set,
/// wakes nobody.
#[derive(Debug)]
pub struct Deletions(OwnedFd);

impl Deletions {
    /// Listens from now on.
    ///
    /// # Errors
    /// The kernel has no nftables; `EPERM` without `CAP_NET_ADMIN`.
    pub fn open() -> io::Result<Deletions> {
        let (domain, flags) =
            (AddressFamily::NETLINK, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        let fd = rustix::net::socket_with(domain, SocketType::RAW, flags, Some(NETFILTER))?;
        // First the filter, so that nothing else is ever heard.
        attach(&fd, &filter())?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, GROUP))?;
        Ok(Deletions(fd))
    }

    /// Takes what was heard, and says whether it was anything.
    #[must_use]
    pub fn heard(&self) -> bool {
        let mut any = false;
        for _ in 0..TURN {
            match rustix::net::recv(&self.0, &mut [0; 64][..], RecvFlags::empty()) {
                // More than the queue takes: some of it was what we listen for.
                Ok(_) | Err(Errno::NOBUFS) => any = true,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        any
    }
}

impl AsFd for Deletions {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Lets messages through that begin with a deletion. One that tells of a whole table does.
fn filter() -> Vec<Instruction> {
    let step = |code: u32, if_true, if_false, value| Instruction {
        code: code as u16,
        if_true,
        if_false,
        value,
    };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 0, 0, KIND_OFFSET)];
    let count = DELETIONS.len();
    for (index, kind) in DELETIONS.iter().enumerate() {
        // The program reads in network byte order, the kernel writes in its own.
        let kind = u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
        let accept = (count - index) as u8;
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, accept, 0, kind));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, 0));
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX));
    program
}

/// Has the kernel ask `program` about each message.
fn attach(fd: &OwnedFd, program: &[Instruction]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
    // SAFETY: `Instruction` has the layout of `sock_filter`, `filter` says how many there are, and
    // the kernel copies them before it returns.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const filter).cast(), size) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
