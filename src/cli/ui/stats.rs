//! What containers use, as a table (Docker: `docker stats`).

use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::docker::human;
use crate::resource::{Container, Stats};

/// Two readings of one container's counters, the older one first.
pub struct Reading<'a> {
    /// Whose they are.
    pub container: &'a Container,
    /// As it was.
    pub before: &'a Stats,
    /// As it is.
    pub now: &'a Stats,
}

/// The list of what containers use. `full`: ids are not shortened.
#[must_use]
pub fn listing(readings: &[Reading<'_>], full: bool) -> Listing {
    Listing {
        columns: vec![
            ("CONTAINER ID", "ID"),
            ("NAME", "Name"),
            ("CPU %", "CPUPerc"),
            ("MEM USAGE / LIMIT", "MemUsage"),
            ("MEM %", "MemPerc"),
            ("NET I/O", "NetIO"),
            ("BLOCK I/O", "BlockIO"),
            ("PIDS", "PIDs"),
        ],
        rows: readings.iter().map(|reading| row(reading, full)).collect(),
        layout: Columns::DOCKER,
        json: JsonStyle::Lines,
    }
}

fn row(reading: &Reading<'_>, full: bool) -> Row {
    let Reading { container, before, now } = reading;
    let id = if full { container.id.as_str() } else { container.id.short() };
    let percent = |value: f64| format!("{value:.2}%");
    let both = |one: u64, other: u64| format!("{} / {}", human::size(one), human::size(other));
    let (received, sent) = now.traffic();
    let memory =
        format!("{} / {}", human::memory(now.memory_used()), human::memory(now.memory_limit));
    Row { labels: container.spec.labels.clone(), ..Row::default() }
        .with("BlockIO", both(now.io_read, now.io_written))
        .with("CPUPerc", percent(now.cpu_percent(before)))
        .with("Container", id)
        .with("ID", id)
        .with("MemPerc", percent(now.memory_percent()))
        .with("MemUsage", memory)
        .with("Name", container.spec.name.as_str())
        .with("NetIO", both(received, sent))
        .with("PIDs", now.pids.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::tests::container;
    use crate::resource::State;
    use crate::resource::stats::Traffic;

    #[test]
    fn a_container_is_one_line() {
        let web = container("demo-web-1", State::Running);
        let before = Stats { cpu_nanos: 100, system_nanos: 1000, ..Stats::default() };
        let now = Stats {
            cpu_nanos: 150,
            system_nanos: 2000,
            online_cpus: 2,
            memory: 3 << 20,
            memory_limit: 8 << 30,
            pids: 4,
            io_read: 1_230_000,
            networks: [("eth0".to_owned(), Traffic { received: 1050, ..Traffic::default() })]
                .into(),
            ..Stats::default()
        };
        let readings = [Reading { container: &web, before: &before, now: &now }];
        assert_eq!(
            listing(&readings, false).text("table").unwrap(),
            "CONTAINER ID   NAME         CPU %     MEM USAGE / LIMIT   MEM %     NET I/O       \
             BLOCK I/O     PIDS\n\
             4f4f4f4f4f4f   demo-web-1   10.00%    3MiB / 8GiB         0.04%     1.05kB / 0B   \
             1.23MB / 0B   4\n"
        );
    }
}
