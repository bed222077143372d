//! The older `iptables` interface of the kernel (`ip_tables`), as far as it takes to read the IPv4
//! filter table as bytes and to replace it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::netns;

const SO_SET_REPLACE: libc::c_int = 64;
const SO_SET_ADD_COUNTERS: libc::c_int = 65;
const SO_GET_INFO: libc::c_int = 64;
const SO_GET_ENTRIES: libc::c_int = 65;
/// Length of a table's name in every structure.
const NAME_BYTES: usize = 32;
/// Length of `struct ipt_getinfo`.
const INFO_BYTES: usize = 84;
/// Length of `struct xt_counters`.
const COUNTER_BYTES: usize = 16;
/// Numbers of hooks.
pub const HOOKS: usize = 5;
/// The hook of packets that are passed on.
pub const FORWARD: usize = 2;

/// A table: where its chains begin and end, and its rules as the kernel keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bits of the hooks that the table has.
    pub valid_hooks: u32,
    /// Offset of each hook's first rule.
    pub entry: [u32; HOOKS],
    /// Offset of each hook's policy.
    pub underflow: [u32; HOOKS],
    /// How many rules.
    pub count: u32,
    /// `struct ipt_entry`, one after another.
    pub bytes: Vec<u8>,
}

/// The filter table of the calling thread's network namespace; `None` when nobody has made it:
/// looking must not make it.
///
/// # Errors
/// A missing privilege.
pub fn filter() -> io::Result<Option<Rules>> {
    // With a thread's own entry in /proc, whoever waits for this process spins in the kernel until
    // that thread is quite gone, which on a busy machine has been seen to take 0.1 s.
    let whose = if netns::is_that_of_the_process()? { "self" } else { "thread-self" };
    let names = match std::fs::read_to_string(format!("/proc/{whose}/net/ip_tables_names")) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !names.lines().any(|name| name == "filter") {
        return Ok(None);
    }
    let socket = open()?;
    let mut info = name("filter", INFO_BYTES);
    get(&socket, SO_GET_INFO, &mut info)?;
    let word = |at: usize| u32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    let words = |at: usize| std::array::from_fn(|hook| word(at + 4 * hook));
    let size = word(80);
    // Name, length, padding to eight bytes, then the rules.
    let mut entries = name("filter", NAME_BYTES + 8 + size as usize);
    entries[NAME_BYTES..NAME_BYTES + 4].copy_from_slice(&size.to_ne_bytes());
    get(&socket, SO_GET_ENTRIES, &mut entries)?;
    Ok(Some(Rules {
        valid_hooks: word(32),
        entry: words(36),
        underflow: words(56),
        count: word(76),
        bytes: entries.split_off(NAME_BYTES + 8),
    }))
}

/// Replaces the filter table, which had `old_count` rules. `order` says for every new rule which
/// old one it was, so that it keeps its counters.
///
/// # Errors
/// `EAGAIN` when somebody replaced the table since it was read.
pub fn replace_filter(rules: &Rules, old_count: u32, order: &[Option<u32>]) -> io::Result<()> {
    let socket = open()?;
    let mut counters = vec![0_u8; old_count as usize * COUNTER_BYTES];
    let mut request = name("filter", NAME_BYTES);
    for word in [rules.valid_hooks, rules.count, rules.bytes.len() as u32]
        .into_iter()
        .chain(rules.entry)
        .chain(rules.underflow)
        .chain([old_count])
    {
        request.extend_from_slice(&word.to_ne_bytes());
    }
    request.resize(request.len().next_multiple_of(8), 0);
    // The kernel writes the old rules' counters there, while `counters` is alive and untouched.
    request.extend_from_slice(&counters.as_mut_ptr().expose_provenance().to_ne_bytes());
    request.extend_from_slice(&rules.bytes);
    set(&socket, SO_SET_REPLACE, &request)?;
    let mut back = name("filter", NAME_BYTES);
    back.extend_from_slice(&(order.len() as u32).to_ne_bytes());
    back.resize(back.len().next_multiple_of(8), 0);
    for old in order {
        let start = old.map(|old| old as usize * COUNTER_BYTES);
        let counter = start.and_then(|start| counters.get(start..start + COUNTER_BYTES));
        back.extend_from_slice(counter.unwrap_or(&[0; COUNTER_BYTES]));
    }
    set(&socket, SO_SET_ADD_COUNTERS, &back)
}

/// Holds the lock that `iptables` programs take before they change anything.
///
/// # Errors
/// The lock file cannot be made.
pub fn lock() -> io::Result<File> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).open("/run/xtables.lock")?;
    file.lock()?;
    Ok(file)
}

fn open() -> io::Result<OwnedFd> {
    let protocol = rustix::net::Protocol::from_raw(
        // IPPROTO_RAW is not 0.
        std::num::NonZeroU32::new(libc::IPPROTO_RAW.cast_unsigned()).ok_or(io::ErrorKind::Other)?,
    );
    let flags = SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(protocol))?)
}

/// `length` bytes that begin with the name of a table.
fn name(name: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// Reads a socket option of the IP level into `buffer`.
fn get(socket: &OwnedFd, option: libc::c_int, buffer: &mut [u8]) -> io::Result<()> {
    let mut length = buffer.len() as libc::socklen_t;
    let (fd, data) = (socket.as_raw_fd(), buffer.as_mut_ptr().cast());
    // SAFETY: the kernel writes at most `length` bytes to `data`, which points to `buffer`, which
    // is that long and outlives the call; it writes the length to `length`.
    let result = unsafe { libc::getsockopt(fd, libc::IPPROTO_IP, option, data, &raw mut length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets a socket option of the IP level.
fn set(socket: &OwnedFd, option: libc::c_int, value: &[u8]) -> io::Result<()> {
    let (fd, data, length) = (socket.as_raw_fd(), value.as_ptr().cast(), value.len());
    // SAFETY: the kernel reads `length` bytes from `data`, which points to `value`, which is that
    // long. For `SO_SET_REPLACE` it also writes `num_counters` counters to the address in it:
    // `replace_filter` puts the address of a living buffer of that many counters there.
    let result =
        unsafe { libc::setsockopt(fd, libc::IPPROTO_IP, option, data, length as libc::socklen_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
