//! Questions on their way to the host's resolvers, as datagrams.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use simple_dns::RCODE;

use super::answer::{failure, question_end};
use super::redirect::PORT;

/// Resolvers that are asked, one after another (resolv.conf(5): MAXNS).
const MOST_SERVERS: usize = 3;
/// Before the next resolver is asked. Clients give up after five seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Questions on their way at the same time (Docker's limit).
const MOST_QUESTIONS: usize = 1024;
const DATAGRAM_BYTES: usize = 65_535;

/// Who is asked.
#[derive(Debug)]
pub enum Servers {
    /// These, since the user says so.
    Fixed(Vec<SocketAddr>),
    /// Those in a file like `resolv.conf`, read again when it changes.
    File {
        /// Where it is.
        path: PathBuf,
        /// When it was changed before it was last read.
        read: Option<SystemTime>,
        /// What it said.
        servers: Vec<SocketAddr>,
    },
}

impl Servers {
    /// Those of the host.
    #[must_use]
    pub fn of_file(path: &Path) -> Servers {
        Servers::File { path: path.to_owned(), read: None, servers: Vec::new() }
    }

    /// The resolvers to ask, and whether that has changed.
    fn current(&mut self) -> (Vec<SocketAddr>, bool) {
        match self {
            Servers::Fixed(servers) => (servers.clone(), false),
            Servers::File { path, read, servers } => {
                let changed = path.metadata().and_then(|metadata| metadata.modified()).ok();
                if changed == *read && !servers.is_empty() {
                    return (servers.clone(), false);
                }
                // Without the file the resolver of this machine is asked (resolv.conf(5)).
                let text = std::fs::read_to_string(&*path).unwrap_or_default();
                (*read, *servers) = (changed, parse(&text));
                (servers.clone(), true)
            }
        }
    }

    /// The resolver with this number; `None` when there are fewer.
    pub(super) fn nth(&mut self, number: usize) -> Option<SocketAddr> {
        self.current().0.get(number).copied()
    }
}

/// The resolvers that a `resolv.conf` names. Pure.
fn parse(text: &str) -> Vec<SocketAddr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address: IpAddr = match (words.next(), words.next()) {
            (Some("nameserver"), Some(address)) => address.parse().ok()?,
            _ => return None,
        };
        Some(SocketAddr::new(address, PORT))
    });
    let servers: Vec<SocketAddr> = servers.take(MOST_SERVERS).collect();
    match servers.is_empty() {
        true => vec![(Ipv4Addr::LOCALHOST, PORT).into()],
        false => servers,
    }
}

/// Questions on their way.
#[derive(Debug)]
pub struct Forwarder {
    servers: Servers,
    /// One socket for each resolver, connected, so that only it can answer; made when needed.
    sockets: Vec<Option<UdpSocket>>,
    questions: HashMap<u16, Question>,
    /// In the order of their deadlines.
    deadlines: VecDeque<(Instant, u16)>,
}

#[derive(Debug)]
struct Question {
    /// As the client sent it.
    query: Vec<u8>,
    client: SocketAddr,
    server: usize,
    deadline: Instant,
}

/// A reply to a client.
pub type Reply = (SocketAddr, Vec<u8>);

impl Forwarder {
    /// Asks these resolvers.
    #[must_use]
    pub fn new(servers: Servers) -> Forwarder {
        Forwarder {
            servers,
            sockets: Vec::new(),
            questions: HashMap::new(),
            deadlines: VecDeque::new(),
        }
    }

    /// The resolvers, for questions by stream.
    pub fn servers(&mut self) -> &mut Servers {
        &mut self.servers
    }

    /// Sends a question to the first resolver that takes it. `watch` is given every new socket
    /// with its number. Returns the reply if there is nobody to ask.
    pub fn ask(
        &mut self,
        query: &[u8],
        client: SocketAddr,
        now: Instant,
        watch: &mut dyn FnMut(&UdpSocket, usize) -> io::Result<()>,
    ) -> Option<Reply> {
        if self.questions.len() >= MOST_QUESTIONS {
            return Some((client, failure(query, RCODE::ServerFailure)));
        }
        let question = Question { query: query.to_vec(), client, server: 0, deadline: now };
        self.send(question, now, watch)
    }

    /// Sends a question to its resolver, or to the next one that takes it.
    fn send(
        &mut self,
        mut question: Question,
        now: Instant,
        watch: &mut dyn FnMut(&UdpSocket, usize) -> io::Result<()>,
    ) -> Option<Reply> {
        let (servers, changed) = self.servers.current();
        if changed {
            // Answers of resolvers that are gone will not come.
            self.sockets.clear();
        }
        self.sockets.resize_with(servers.len(), || None);
        while let Some(server) = servers.get(question.server) {
            let number = self.free_number();
            let mut query = question.query.clone();
            query[..2].copy_from_slice(&number.to_be_bytes());
            let socket = &mut self.sockets[question.server];
            if sent(socket, *server, &query, |socket| watch(socket, question.server)).is_ok() {
                question.deadline = now + PATIENCE;
                self.deadlines.push_back((question.deadline, number));
                self.questions.insert(number, question);
                return None;
            }
            question.server += 1;
        }
        Some((question.client, failure(&question.query, RCODE::ServerFailure)))
    }

    /// Takes the answers of one resolver.
    pub fn on_answer(
        &mut self,
        server: usize,
        now: Instant,
        watch: &mut dyn FnMut(&UdpSocket, usize) -> io::Result<()>,
    ) -> Vec<Reply> {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut replies = Vec::new();
        while let Some(socket) = self.sockets.get(server).and_then(Option::as_ref) {
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    replies.extend(self.take(server, &mut buffer[..length], now, watch));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Nobody listens there: its questions go to the next one at once.
                Err(_) => {
                    let asked = self.questions.iter().filter(|(_, asked)| asked.server == server);
                    for number in asked.map(|(number, _)| *number).collect::<Vec<_>>() {
                        replies.extend(self.next_server(number, now, watch));
                    }
                }
            }
        }
        replies
    }

    /// One answer: what to send to the client, if it is one to a question of ours.
    fn take(
        &mut self,
        server: usize,
        answer: &mut [u8],
        now: Instant,
        watch: &mut dyn FnMut(&UdpSocket, usize) -> io::Result<()>,
    ) -> Option<Reply> {
        let number = u16::from_be_bytes([*answer.first()?, *answer.get(1)?]);
        let question = self.questions.get(&number).filter(|asked| asked.server == server)?;
        let same =
            |message: &[u8]| question_end(message).map(|end| message[12..end].to_ascii_lowercase());
        // Whoever guesses the number must have seen the question too.
        if answer.len() < 12 || same(answer) != same(&question.query) {
            return None;
        }
        let failed = matches!(answer[3] & 15, 2 | 4 | 5);
        if failed && self.sockets.len() > server + 1 {
            return self.next_server(number, now, watch);
        }
        let question = self.questions.remove(&number)?;
        answer[..2].copy_from_slice(&question.query[..2]);
        Some((question.client, answer.to_vec()))
    }

    fn next_server(
        &mut self,
        number: u16,
        now: Instant,
        watch: &mut dyn FnMut(&UdpSocket, usize) -> io::Result<()>,
    ) -> Option<Reply> {
        let mut question = self.questions.remove(&number)?;
        question.server += 1;
        self.send(question, now, watch)
    }

    /// Sends what was not answered in time to the next resolver.
    pub fn on_deadline(
        &mut self,
        now: Instant,
        watch: &mut dyn FnMut(&UdpSocket, usize) -> io::Result<()>,
    ) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some((deadline, number)) = self.deadlines.front().copied() {
            let waiting =
                self.questions.get(&number).is_some_and(|asked| asked.deadline == deadline);
            if waiting && deadline > now {
                break;
            }
            self.deadlines.pop_front();
            if waiting {
                replies.extend(self.next_server(number, now, watch));
            }
        }
        replies
    }

    /// When the first question has waited for too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        // The first entry may be of a question that was answered: then it is only a little early.
        (!self.questions.is_empty()).then(|| self.deadlines.front().map(|(at, _)| *at)).flatten()
    }

    /// A number that no question on its way has, and that nobody can guess.
    fn free_number(&self) -> u16 {
        loop {
            let number = getrandom::u32().unwrap_or_default() as u16;
            if !self.questions.contains_key(&number) {
                return number;
            }
        }
    }
}

/// Sends a datagram, through a new socket if there is none yet.
fn sent(
    place: &mut Option<UdpSocket>,
    server: SocketAddr,
    query: &[u8],
    watch: impl FnOnce(&UdpSocket) -> io::Result<()>,
) -> io::Result<()> {
    if place.is_none() {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        watch(&socket)?;
        *place = Some(socket);
    }
    match place {
        Some(socket) => socket.send(query).map(drop),
        None => Err(io::ErrorKind::NotConnected.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_from_a_file() {
        let text = "# nameserver 1.1.1.1\nsearch x\nnameserver 127.0.0.53\n nameserver ::1\n\
                    nameserver fe80::1%eth0\nnameserver 9.9.9.9\nnameserver 8.8.8.8\n";
        let servers: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["127.0.0.53:53", "[::1]:53", "9.9.9.9:53"]);
        assert_eq!(parse("")[0].to_string(), "127.0.0.1:53");
    }
}
