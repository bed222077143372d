//! Host names, resolved without the C library: static programs must not load its plug-ins.
//!
//! `/etc/hosts` first, then the name servers of `/etc/resolv.conf`, for IPv4 and IPv6 at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use simple_dns::{CLASS, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE, rdata::RData};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long one name server gets, each time.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often the list of name servers is gone through.
const ROUNDS: usize = 2;

/// Resolves names for the HTTP client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = lookup(name.as_str()).await?;
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

/// The addresses of `name`, IPv4 first; at least one.
async fn lookup(name: &str) -> Result<Vec<IpAddr>, std::io::Error> {
    let name = name.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let hosts = tokio::fs::read_to_string("/etc/hosts").await.unwrap_or_default();
    let known = in_hosts(&hosts, name);
    if !known.is_empty() {
        return Ok(known);
    }
    let text = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    let config = ResolvConf::parse(&text);
    let mut failure = None;
    for candidate in config.candidates(name) {
        match ask_all(&config.servers, &candidate).await {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| std::io::Error::other(format!("no such host: {name}"))))
}

/// Addresses of `name` in the text of a hosts file.
fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    let matching = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    matching.collect()
}

/// What `/etc/resolv.conf` says (resolv.conf(5)).
#[derive(Debug, PartialEq, Eq)]
struct ResolvConf {
    servers: Vec<IpAddr>,
    search: Vec<String>,
    /// Names with so many dots are tried as they are first.
    ndots: usize,
}

impl ResolvConf {
    fn parse(text: &str) -> ResolvConf {
        let mut config = ResolvConf { servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or("").split_whitespace();
            match words.next() {
                // Zones of link-local addresses are beyond what we parse.
                Some("nameserver") => {
                    config
                        .servers
                        .extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()));
                }
                Some("search" | "domain") => config.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    let ndots = words.filter_map(|word| word.strip_prefix("ndots:")).next_back();
                    config.ndots = ndots.and_then(|n| n.parse().ok()).unwrap_or(config.ndots);
                }
                _ => {}
            }
        }
        if config.servers.is_empty() {
            config.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        config
    }

    /// The full names to try, in order.
    fn candidates(&self, name: &str) -> Vec<String> {
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        match dots >= self.ndots {
            true => std::iter::once(name.to_owned()).chain(searched).collect(),
            false => searched.chain([name.to_owned()]).collect(),
        }
    }
}

/// Asks the servers in turn until one answers; an empty answer is one.
async fn ask_all(servers: &[IpAddr], name: &str) -> std::io::Result<Vec<IpAddr>> {
    let mut failure = std::io::Error::other("no name server");
    for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
        let server = SocketAddr::new(*server, 53);
        let (v4, v6) = tokio::join!(ask(server, name, TYPE::A), ask(server, name, TYPE::AAAA));
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => return Ok([v4, v6].concat()),
            (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => return Ok(found),
            (Err(error), _) | (_, Err(error)) => failure = error,
        }
    }
    Err(failure)
}

/// One question to one server.
async fn ask(server: SocketAddr, name: &str, kind: TYPE) -> std::io::Result<Vec<IpAddr>> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let id = u16::from_ne_bytes(random);
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = simple_dns::Name::new(name).map_err(std::io::Error::other)?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    let question = packet.build_bytes_vec().map_err(std::io::Error::other)?;
    let exchange = async {
        let answer = over_udp(server, &question, id).await?;
        match read_answer(&answer, id)? {
            Some(addresses) => Ok(addresses),
            None => {
                let answer = over_tcp(server, &question).await?;
                Ok(read_answer(&answer, id)?.unwrap_or_default())
            }
        }
    };
    let late = |_| std::io::Error::other(format!("name server {server} does not answer"));
    tokio::time::timeout(PATIENCE, exchange).await.map_err(late)?
}

async fn over_udp(server: SocketAddr, question: &[u8], id: u16) -> std::io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // Connected: the kernel drops what others send.
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut answer).await?;
        // A late answer to another question is not ours.
        if answer[..length].starts_with(&id.to_be_bytes()) {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = (question.len() as u16).to_be_bytes();
    stream.write_all(&[&length, question].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The addresses in an answer; `None`: it was cut, ask again over TCP.
fn read_answer(bytes: &[u8], id: u16) -> std::io::Result<Option<Vec<IpAddr>>> {
    let packet = Packet::parse(bytes).map_err(std::io::Error::other)?;
    if packet.id() != id {
        return Err(std::io::Error::other("answer to another question"));
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(None);
    }
    let address = |answer: &simple_dns::ResourceRecord<'_>| match &answer.rdata {
        RData::A(a) => Some(IpAddr::V4(Ipv4Addr::from(a.address))),
        RData::AAAA(aaaa) => Some(IpAddr::V6(Ipv6Addr::from(aaaa.address))),
        _ => None,
    };
    Ok(Some(packet.answers.iter().filter_map(address).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_files_are_read() {
        let text = "127.0.0.1 localhost\n10.0.0.1  Reg reg.lan # a.comment\n::2 reg\nbad reg\n";
        assert_eq!(
            in_hosts(text, "reg"),
            ["10.0.0.1", "::2"].map(|a| a.parse::<IpAddr>().unwrap())
        );
        assert!(in_hosts(text, "a.comment").is_empty());
    }

    #[test]
    fn short_names_are_searched_first() {
        let config =
            ResolvConf::parse("nameserver 1.1.1.1\nsearch a.b c\noptions timeout:1 ndots:2\n");
        assert_eq!(config.candidates("x.y"), ["x.y.a.b", "x.y.c", "x.y"]);
        assert_eq!(config.candidates("x.y.z")[0], "x.y.z");
        assert_eq!(ResolvConf::parse("").servers, [IpAddr::from([127, 0, 0, 1])]);
    }
}
