//! Values whose meaning is checked late, because several forms or files make them up.

use std::net::IpAddr;

use crate::base::text::is_word;
use crate::base::{PortRange, Protocol, capability};

use super::super::model::Service;
use super::Check;

pub fn check(check: &mut Check, service: &Service) {
    for (index, address) in service.dns.iter().enumerate() {
        if address.parse::<IpAddr>().is_err() {
            let place = check.at(service, &["dns", &index.to_string()]);
            let message = format!("`{address}` is not the IP address of a name server");
            check.out.error("bad-value", place, message).hint("use an address such as 1.1.1.1");
        }
    }
    for (index, port) in service.expose.iter().enumerate() {
        let (ports, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        if ports.parse::<PortRange>().is_err() || protocol.parse::<Protocol>().is_err() {
            let place = check.at(service, &["expose", &index.to_string()]);
            let message = format!("`{port}` is not a port to expose");
            let hint = match port.contains(':') {
                true => "`expose` has container ports only; to publish one use `ports`",
                false => "write a port or a range, as in 3000 or 8000-8010/udp",
            };
            check.out.error("bad-value", place, message).hint(hint);
        }
    }
    for (index, option) in service.security_opt.iter().enumerate() {
        let known = option == "no-new-privileges" || option.contains(['=', ':']);
        if !known {
            let place = check.at(service, &["security_opt", &index.to_string()]);
            let message = format!("`{option}` is not a security option");
            check
                .out
                .error("bad-value", place, message)
                .hint("write NAME=VALUE, as in seccomp=unconfined, or no-new-privileges:true");
        }
    }
    words(check, service);
    mac(check, service);
    signal(check, service);
    capabilities(check, service);
    addresses(check, service);
}

/// What becomes a word of `/etc/hosts` or `/etc/resolv.conf` must not bring lines of its own.
fn words(check: &mut Check, service: &Service) {
    let mut given: Vec<(Vec<String>, &str)> = Vec::new();
    for (key, value) in [("hostname", &service.hostname), ("domainname", &service.domainname)] {
        given.extend(value.iter().map(|value| (vec![key.to_owned()], value.as_str())));
    }
    for (key, list) in [("dns_search", &service.dns_search), ("dns_opt", &service.dns_opt)] {
        let list = list.iter().enumerate();
        given.extend(
            list.map(|(index, value)| (vec![key.to_owned(), index.to_string()], value.as_str())),
        );
    }
    for (path, value) in given {
        if !value.is_empty() && !is_word(value) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let place = check.at(service, &path);
            let message = format!("`{}` must be one word", value.escape_debug());
            check
                .out
                .error("bad-value", place, message)
                .hint("blanks and line breaks have no place in it");
        }
    }
}

fn mac(check: &mut Check, service: &Service) {
    let mut given: Vec<(Vec<&str>, &str)> = Vec::new();
    if let Some(mac) = &service.mac_address {
        given.push((vec!["mac_address"], mac));
    }
    for (name, network) in &service.networks {
        if let Some(mac) = &network.mac_address {
            given.push((vec!["networks", name, "mac_address"], mac));
        }
    }
    for (path, mac) in given {
        let digits = |part: &str| part.len() == 2 && u8::from_str_radix(part, 16).is_ok();
        let parts: Vec<&str> = mac.split([':', '-']).collect();
        if parts.len() != 6 || !parts.iter().all(|part| digits(part)) {
            let place = check.at(service, &path);
            let message = format!("`{mac}` is not a hardware address");
            check
                .out
                .error("bad-value", place, message)
                .hint("write six pairs of digits, as in \"02:42:ac:11:65:43\"");
        }
    }
}

fn signal(check: &mut Check, service: &Service) {
    let Some(signal) = &service.stop_signal else { return };
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let bare = signal.to_ascii_uppercase();
    let bare = bare.strip_prefix("SIG").unwrap_or(&bare);
    let known = NAMES.contains(&bare)
        || bare.starts_with("RTMIN")
        || bare.starts_with("RTMAX")
        || bare.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number));
    if !known {
        let place = check.at(service, &["stop_signal"]);
        let message = format!("`{signal}` is not a signal");
        let names: Vec<String> = NAMES.iter().map(|name| format!("SIG{name}")).collect();
        check
            .out
            .error("bad-value", place, message)
            .suggest(&format!("SIG{bare}"), names.iter().map(String::as_str));
    }
}

/// Names may have `CAP_` before them, in any case.
fn capabilities(check: &mut Check, service: &Service) {
    for (key, list) in [("cap_add", &service.cap_add), ("cap_drop", &service.cap_drop)] {
        for (index, name) in list.iter().enumerate() {
            let bare = name.to_ascii_uppercase();
            let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
            if bare != "ALL" && capability::number(bare).is_none() {
                let place = check.at(service, &[key, &index.to_string()]);
                let message = format!("`{name}` is not a capability that Linux has");
                check
                    .out
                    .warning("unknown-capability", place, message)
                    .suggest(bare, capability::NAMES.into_iter().chain(["ALL"]));
            }
        }
    }
}

/// A static address must be in a range that the project chose (Docker: user configured subnets).
fn addresses(check: &mut Check, service: &Service) {
    for (name, attachment) in &service.networks {
        let Some(network) = check.project.networks.get(name).filter(|it| !it.external) else {
            continue;
        };
        let v4 = attachment.ipv4_address.map(|it| ("ipv4_address", IpAddr::V4(it)));
        let v6 = attachment.ipv6_address.map(|it| ("ipv6_address", IpAddr::V6(it)));
        for (key, address) in v4.into_iter().chain(v6) {
            let subnets = network.ipam.config.iter().filter_map(|it| it.subnet.as_deref());
            if subnets.clone().any(|subnet| contains(subnet, address)) {
                continue;
            }
            let place = check.at(service, &["networks", name, key]);
            let pool = check.project.document.key_place(&["networks", name]);
            let message = match subnets.clone().count() {
                0 => format!("`{address}` needs a network whose range of addresses is chosen"),
                _ => format!("`{address}` is in no range of addresses of the network `{name}`"),
            };
            check
                .out
                .warning("address-outside", place, message)
                .label(pool, "the network")
                .hint("give the network `ipam: {config: [{subnet: …}]}` with a range that has it");
        }
    }
}

fn contains(subnet: &str, address: IpAddr) -> bool {
    let Some((base, length)) = subnet.split_once('/') else { return false };
    let Ok(length) = length.parse::<u32>() else { return false };
    match (base.parse::<IpAddr>(), address) {
        (Ok(IpAddr::V4(base)), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0);
            u32::from(base) & mask == u32::from(address) & mask
        }
        (Ok(IpAddr::V6(base)), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
            u128::from(base) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}
