//! The text of a PORTS column.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::Protocol;
use crate::resource::Container;

/// One port of a container, published or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    container: u16,
    address: Option<IpAddr>,
    host: u16,
    protocol: Protocol,
}

/// Neighbours that are shown as one range.
struct Group {
    address: Option<IpAddr>,
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`: ranges first, then ports that have another
/// number outside, each part ordered by port (Docker: DisplayablePorts). Empty unless it runs.
#[must_use]
pub fn text(container: &Container) -> String {
    let (mut groups, mut done, mut remapped) = (Vec::<Group>::new(), Vec::new(), Vec::new());
    for entry in entries(container) {
        let Entry { container: port, address, host, protocol } = entry;
        if let Some(address) = address.filter(|_| host != port) {
            remapped.push(format!("{}->{port}/{protocol}", join(address, &host.to_string())));
            continue;
        }
        let same = |group: &&mut Group| group.address == address && group.protocol == protocol;
        match groups.iter_mut().find(same) {
            None => groups.push(Group { address, protocol, first: port, last: port }),
            Some(group) if group.last.checked_add(1) == Some(port) => group.last = port,
            Some(group) => {
                done.push(group.to_string());
                (group.first, group.last) = (port, port);
            }
        }
    }
    let groups = groups.iter().map(ToString::to_string);
    done.into_iter().chain(groups).chain(remapped).collect::<Vec<_>>().join(", ")
}

/// Published ports, and those that are only exposed, in order.
fn entries(container: &Container) -> BTreeSet<Entry> {
    if !container.status.state.is_active() {
        return BTreeSet::new();
    }
    let bound = &container.status.ports;
    let published = bound.iter().map(|port| Entry {
        container: port.container,
        address: Some(port.host_ip),
        host: port.host,
        protocol: port.protocol,
    });
    let exposed = container.spec.expose.iter().flat_map(|exposed| {
        exposed.ports.ports().map(|port| Entry {
            container: port,
            address: None,
            host: 0,
            protocol: exposed.protocol,
        })
    });
    let unpublished = exposed.filter(|entry| {
        !bound.iter().any(|it| (it.container, it.protocol) == (entry.container, entry.protocol))
    });
    published.chain(unpublished).collect()
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let range = match self.first == self.last {
            true => self.first.to_string(),
            false => format!("{}-{}", self.first, self.last),
        };
        match self.address {
            Some(address) => write!(f, "{}->{range}/{}", join(address, &range), self.protocol),
            None => write!(f, "{range}/{}", self.protocol),
        }
    }
}

/// Address and port, with brackets around an IPv6 address.
fn join(address: IpAddr, port: &str) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PortRange;
    use crate::docker::tests::container;
    use crate::resource::State;
    use crate::resource::container::{BoundPort, ExposedPort};

    fn bound(address: &str, host: u16, container: u16) -> BoundPort {
        let host_ip = address.parse().unwrap();
        BoundPort { host_ip, host, container, protocol: Protocol::Tcp }
    }

    #[test]
    fn a_published_port_shows_each_address() {
        let mut web = container("demo-web-1", State::Running);
        web.status.ports = vec![bound("0.0.0.0", 8080, 80), bound("::", 8080, 80)];
        assert_eq!(text(&web), "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
    }

    #[test]
    fn neighbours_with_the_same_number_outside_are_a_range() {
        let mut web = container("demo-web-1", State::Running);
        web.status.ports = (80..=82).map(|port| bound("0.0.0.0", port, port)).collect();
        web.status.ports.push(bound("127.0.0.1", 9000, 90));
        let ports = PortRange::one(443);
        web.spec.expose = vec![ExposedPort { ports, protocol: Protocol::Tcp }];
        assert_eq!(text(&web), "0.0.0.0:80-82->80-82/tcp, 443/tcp, 127.0.0.1:9000->90/tcp");
    }

    #[test]
    fn a_stopped_container_has_no_ports() {
        let mut web = container("demo-web-1", State::Exited);
        web.status.ports = vec![bound("0.0.0.0", 8080, 80)];
        assert_eq!(text(&web), "");
    }
}
