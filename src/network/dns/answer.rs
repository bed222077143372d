//! What a question is answered with. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{A, AAAA, OPT, PTR, RData};
use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE,
};

use crate::network::names::Names;

/// How long an answer may be kept: short, since containers come and go (Docker says 600).
const TTL_SECONDS: u32 = 5;
/// Length of a message's header.
const HEADER_BYTES: usize = 12;
/// What every client takes (RFC 1035), and what we say we take (RFC 6891, DNS flag day 2020).
const PLAIN_BYTES: usize = 512;
const EXTENDED_BYTES: u16 = 1232;
/// Bytes of an address of version 6 in an answer.
const LONGEST_ADDRESS: usize = 28;

/// What to do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Send this back.
    Reply(Vec<u8>),
    /// Ask the outside.
    Forward,
    /// Nothing: it is no question.
    Ignore,
}

/// Decides on a message from a container.
///
/// Names of the container's networks are answered here and never asked for outside, also for
/// types that we have no data of, and while nothing runs under them. `turn` rotates several
/// addresses. `datagram`: the answer must fit into what the client takes, or says so.
#[must_use]
pub fn answer(query: &[u8], names: &Names, turn: usize, datagram: bool) -> Answer {
    const RESPONSE_BIT: u8 = 0x80;
    if query.len() < HEADER_BYTES || query[2] & RESPONSE_BIT != 0 {
        return Answer::Ignore;
    }
    let Ok(packet) = Packet::parse(query) else {
        return Answer::Reply(failure(query, RCODE::FormatError));
    };
    if packet.opcode() != OPCODE::StandardQuery {
        return Answer::Reply(failure(query, RCODE::NotImplemented));
    }
    let [question] = packet.questions.as_slice() else {
        return Answer::Reply(failure(query, RCODE::FormatError));
    };
    let found = decide(question, names, turn);
    let (code, records) = match found {
        Found::Elsewhere if names.forwards => return Answer::Forward,
        // A container without a way out must not get one through us (CVE-2024-29018).
        Found::Elsewhere => (RCODE::Refused, Vec::new()),
        Found::Nowhere => (RCODE::NameError, Vec::new()),
        Found::Records(records) => (RCODE::NoError, records),
    };
    let limit = match packet.opt() {
        _ if !datagram => usize::from(u16::MAX),
        Some(opt) => usize::from(opt.udp_packet_size.clamp(512, EXTENDED_BYTES)),
        None => PLAIN_BYTES,
    };
    let reply = |records: Vec<ResourceRecord<'_>>, flags: PacketFlag| {
        let mut reply = Packet::new_reply(packet.id());
        let asked = packet.has_flags(PacketFlag::RECURSION_DESIRED);
        let desired = if asked { PacketFlag::RECURSION_DESIRED } else { PacketFlag::empty() };
        reply.set_flags(PacketFlag::RECURSION_AVAILABLE | desired | flags);
        *reply.rcode_mut() = code;
        reply.questions.push(question.clone());
        reply.answers.extend(records.into_iter().map(ResourceRecord::into_owned));
        *reply.opt_mut() = packet.opt().map(|_| OPT {
            opt_codes: Vec::new(),
            udp_packet_size: EXTENDED_BYTES,
            version: 0,
        });
        reply.build_bytes_vec_compressed()
    };
    let (mut records, mut flags) = (records, PacketFlag::empty());
    loop {
        match reply(records.clone(), flags) {
            Ok(bytes) if bytes.len() <= limit => return Answer::Reply(bytes),
            // A client that wants all comes back with a stream; others take what fits (Docker: the
            // same).
            Ok(bytes) if !records.is_empty() => {
                let excess = (bytes.len() - limit).div_ceil(LONGEST_ADDRESS);
                records.truncate(records.len().saturating_sub(excess));
                flags = PacketFlag::TRUNCATION;
            }
            _ => return Answer::Reply(failure(query, RCODE::ServerFailure)),
        }
    }
}

/// What we know about a question.
enum Found<'a> {
    /// It is about a name of ours.
    Records(Vec<ResourceRecord<'a>>),
    /// It is about a name of ours under which nothing runs.
    Nowhere,
    /// It is not about a name of ours.
    Elsewhere,
}

fn decide<'a>(question: &Question<'a>, names: &'a Names, turn: usize) -> Found<'a> {
    let internet = matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY);
    let text = question.qname.to_string().to_ascii_lowercase();
    let record = |data| ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL_SECONDS, data);
    if !internet {
        return Found::Elsewhere;
    }
    if let Some(addresses) = names.addresses(&text) {
        if addresses.is_empty() {
            return Found::Nowhere;
        }
        let mut records: Vec<_> = addresses
            .iter()
            .filter_map(|address| match (address, question.qtype) {
                (IpAddr::V4(address), QTYPE::TYPE(TYPE::A) | QTYPE::ANY) => {
                    Some(RData::A(A { address: address.to_bits() }))
                }
                (IpAddr::V6(address), QTYPE::TYPE(TYPE::AAAA) | QTYPE::ANY) => {
                    Some(RData::AAAA(AAAA { address: address.to_bits() }))
                }
                _ => None,
            })
            .map(record)
            .collect();
        if !records.is_empty() {
            let first = turn % records.len();
            records.rotate_left(first);
        }
        return Found::Records(records);
    }
    let reverse = (question.qtype == QTYPE::TYPE(TYPE::PTR)).then(|| read_reverse(&text)).flatten();
    match reverse.and_then(|address| names.name_of(address)) {
        Some(name) => Found::Records(vec![record(RData::PTR(PTR(Name::new_unchecked(name))))]),
        None => Found::Elsewhere,
    }
}

/// The address in `2.0.17.172.in-addr.arpa` or its counterpart of 32 digits in `ip6.arpa`.
fn read_reverse(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".in-addr.arpa") {
        let address: Ipv4Addr = digits.parse().ok()?;
        let [a, b, c, d] = address.octets();
        return Some(Ipv4Addr::new(d, c, b, a).into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?;
    let mut bits = 0;
    let mut count = 0;
    for digit in digits.rsplit('.') {
        let mut letters = digit.chars();
        let value = letters.next().and_then(|letter| letter.to_digit(16))?;
        bits = bits << 4 | u128::from(value);
        count += 1;
        if letters.next().is_some() || count > 32 {
            return None;
        }
    }
    (count == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

/// A reply that only says that it went wrong, with the question if there is a readable one.
#[must_use]
pub fn failure(query: &[u8], code: RCODE) -> Vec<u8> {
    const RECURSION_DESIRED: u8 = 1;
    const RESPONSE: u8 = 0x80;
    const OPCODE_BITS: u8 = 0x78;
    const RECURSION_AVAILABLE: u8 = 0x80;
    let question = question_end(query).map_or(&[][..], |end| &query[HEADER_BYTES..end]);
    let mut reply = vec![0; HEADER_BYTES];
    reply[..2].copy_from_slice(&query[..2]);
    reply[2] = RESPONSE | query[2] & (OPCODE_BITS | RECURSION_DESIRED);
    reply[3] = RECURSION_AVAILABLE | code as u8;
    reply[5] = u8::from(!question.is_empty());
    reply.extend_from_slice(question);
    reply
}

/// Where the first question ends; `None` when there is none, or it is torn.
#[must_use]
pub(super) fn question_end(message: &[u8]) -> Option<usize> {
    const TYPE_AND_CLASS: usize = 4;
    if message.get(4..6)? == [0, 0] {
        return None;
    }
    let mut at = HEADER_BYTES;
    loop {
        match *message.get(at)? {
            0 => break,
            // Questions come first: there is nothing that a pointer could point to.
            length if length >= 0x40 => return None,
            length => at += 1 + usize::from(length),
        }
    }
    let end = at + 1 + TYPE_AND_CLASS;
    (end <= message.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut names = Names::default();
        names.forwards = true;
        names.add("app", &list(&["app-web-1", "web", "0123456789ab"]), &[address("10.0.0.2")]);
        names.add("app", &list(&["app-web-2", "web"]), &[address("10.0.0.3")]);
        let six = [address("10.0.0.4"), address("fd00::4")];
        names.add("app", &list(&["app-six-1", "six"]), &six);
        names.add("app", &list(&["app-late-1", "late"]), &[]);
        names
    }

    fn query(name: &str, kind: TYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(name).unwrap();
        let (kind, class) = (QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN));
        packet.questions.push(Question::new(name, kind, class, false));
        packet.build_bytes_vec().unwrap()
    }

    /// The outcome as text: code, then the data of the records.
    fn ask_with(query: &[u8], names: &Names, turn: usize) -> String {
        let bytes = match answer(query, names, turn, true) {
            Answer::Reply(bytes) => bytes,
            other => return format!("{other:?}"),
        };
        let reply = Packet::parse(&bytes).unwrap();
        let records = reply.answers.iter().map(|record| match &record.rdata {
            RData::A(a) => Ipv4Addr::from_bits(a.address).to_string(),
            RData::AAAA(a) => Ipv6Addr::from_bits(a.address).to_string(),
            RData::PTR(name) => name.to_string(),
            other => format!("{other:?}"),
        });
        let records = records.collect::<Vec<_>>().join(" ");
        format!("{:?} {records}", reply.rcode()).trim().to_owned()
    }

    fn ask(name: &str, kind: TYPE) -> String {
        ask_with(&query(name, kind), &names(), 0)
    }

    #[test]
    fn names_of_containers_are_answered() {
        assert_eq!(ask("app-web-1", TYPE::A), "NoError 10.0.0.2");
        assert_eq!(ask("0123456789ab", TYPE::A), "NoError 10.0.0.2");
        assert_eq!(ask("app-web-2.app", TYPE::A), "NoError 10.0.0.3");
        assert_eq!(ask("six", TYPE::AAAA), "NoError fd00::4");
    }

    #[test]
    fn several_addresses_take_turns() {
        assert_eq!(ask_with(&query("web", TYPE::A), &names(), 0), "NoError 10.0.0.2 10.0.0.3");
        assert_eq!(ask_with(&query("web", TYPE::A), &names(), 1), "NoError 10.0.0.3 10.0.0.2");
    }

    #[test]
    fn letters_may_have_any_case_and_come_back_as_they_were() {
        let Answer::Reply(bytes) = answer(&query("WeB", TYPE::A), &names(), 0, true) else {
            panic!("known names are answered");
        };
        let reply = Packet::parse(&bytes).unwrap();
        assert_eq!(reply.questions[0].qname.to_string(), "WeB");
        assert_eq!(reply.answers[0].name.to_string(), "WeB");
        assert!(reply.has_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::RECURSION_DESIRED));
    }

    #[test]
    fn a_known_name_without_such_data_is_not_asked_for_outside() {
        for kind in [TYPE::AAAA, TYPE::MX, TYPE::TXT] {
            assert_eq!(ask("web", kind), "NoError", "{kind:?}");
        }
        assert_eq!(ask("late", TYPE::A), "NameError");
    }

    #[test]
    fn addresses_are_named() {
        assert_eq!(ask("3.0.0.10.in-addr.arpa", TYPE::PTR), "NoError app-web-2.app");
        let six = "4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
        assert_eq!(ask(six, TYPE::PTR), "NoError app-six-1.app");
        assert_eq!(ask("9.9.9.9.in-addr.arpa", TYPE::PTR), "Forward");
    }

    #[test]
    fn other_names_go_outside_unless_there_is_none() {
        assert_eq!(ask("example.org", TYPE::A), "Forward");
        let mut inner = names();
        inner.forwards = false;
        assert_eq!(ask_with(&query("example.org", TYPE::A), &inner, 0), "Refused");
        assert_eq!(ask_with(&query("web", TYPE::A), &inner, 1), "NoError 10.0.0.3 10.0.0.2");
    }

    #[test]
    fn an_answer_that_is_too_long_for_a_datagram_has_what_fits_and_says_so() {
        let mut many = Names::default();
        for number in 0..100 {
            many.add("app", &["web".to_owned()], &[Ipv4Addr::new(10, 0, 1, number).into()]);
        }
        let question = query("web", TYPE::A);
        let Answer::Reply(short) = answer(&question, &many, 0, true) else { panic!() };
        let reply = Packet::parse(&short).unwrap();
        assert!(reply.has_flags(PacketFlag::TRUNCATION));
        assert_eq!((short.len(), reply.answers.len()), (501, 30));
        let Answer::Reply(long) = answer(&question, &many, 0, false) else { panic!() };
        assert_eq!(Packet::parse(&long).unwrap().answers.len(), 100);
    }

    #[test]
    fn garbage_is_refused_or_ignored_but_never_harmful() {
        let good = query("web", TYPE::A);
        for end in 0..good.len() {
            let torn = answer(&good[..end], &names(), 0, true);
            assert!(torn == Answer::Ignore || matches!(torn, Answer::Reply(_)), "{end}");
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x3f, 0x40, 0xc0, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = answer(&bad, &names(), 0, true);
                let _ = question_end(&bad);
            }
        }
    }
}
