//! `top`: the processes in containers.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Container;

use super::project::{is_one_off, number_of, service_of};

/// Show the processes that run in containers
///
/// Process ids are those of this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose top       All processes of the project
  compose top web   Those of one service")]
pub struct Top {
    /// Only these services
    services: Vec<String>,
}

impl Top {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let shown = |it: &&Container| {
            let service = service_of(it);
            it.status.state.is_active() && (services.is_empty() || services.contains(service))
        };
        let mut containers: Vec<&Container> = observed.containers.iter().filter(shown).collect();
        containers.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        let header = ["SERVICE", "#"].iter().chain(&HEADER);
        let mut rows = vec![header.map(|word| (*word).to_owned()).collect()];
        for container in containers {
            let number = match is_one_off(container) {
                true => "run".to_owned(),
                false => number_of(container).to_string(),
            };
            for cells in processes(&cx.engine()?.processes(&container.id).await?) {
                let mut row = vec![service_of(container).to_owned(), number.clone()];
                row.extend(cells);
                rows.push(row);
            }
        }
        if rows.len() > 1 {
            cx.output().print(Columns::NARROW.align(&rows))?;
        }
        Ok(Exit::Success)
    }
}

/// Columns of [`processes`] (Docker: those of `ps -ef`).
pub const HEADER: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/// A row of cells for each process that has not ended since it was listed.
pub fn processes(pids: &[i32]) -> Vec<Vec<String>> {
    let machine = Machine::look();
    let found = pids.iter().filter_map(|pid| Process::read(*pid));
    found.map(|process| process.cells(&machine).to_vec()).collect()
}

/// What times of processes are measured against.
struct Machine {
    /// Seconds since the epoch.
    booted: i64,
    now: i64,
    ticks: u64,
}

impl Machine {
    fn look() -> Machine {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let booted = stat.lines().find_map(|line| line.strip_prefix("btime "));
        Machine {
            booted: booted.and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            now: Timestamp::now().as_second(),
            ticks: rustix::param::clock_ticks_per_second(),
        }
    }
}

/// A process as `ps -ef` shows it.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    uid: u32,
    pid: i32,
    ppid: i32,
    /// Device number of its terminal; 0: none.
    tty: i32,
    /// Processor time in ticks.
    used: u64,
    /// Ticks from the start of the machine to that of the process.
    begun: u64,
    command: String,
}

impl Process {
    fn read(pid: i32) -> Option<Process> {
        let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
        let stat = String::from_utf8_lossy(&file("stat")?).into_owned();
        let status = String::from_utf8_lossy(&file("status")?).into_owned();
        Process::parse(pid, &stat, &status, &file("cmdline")?)
    }

    /// From the texts of proc(5): `stat`, `status` and `cmdline`.
    fn parse(pid: i32, stat: &str, status: &str, cmdline: &[u8]) -> Option<Process> {
        // The name is in parentheses, and may have some of its own.
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let words: Vec<_> = cmdline
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(String::from_utf8_lossy)
            .collect();
        Some(Process {
            uid: uid.split_ascii_whitespace().next()?.parse().ok()?,
            pid,
            ppid: fields.get(1)?.parse().ok()?,
            tty: fields.get(4)?.parse().ok()?,
            used: number(11)? + number(12)?,
            begun: number(19)?,
            command: if words.is_empty() { format!("[{name}]") } else { words.join(" ") },
        })
    }

    /// `UID PID PPID C STIME TTY TIME CMD`
    fn cells(&self, machine: &Machine) -> [String; 8] {
        let begun = machine.booted + (self.begun / machine.ticks) as i64;
        let (used, age) = (self.used / machine.ticks, (machine.now - begun).max(0));
        let busy = if age > 0 { (used * 100 / age as u64).min(99) } else { 0 };
        let time = Timestamp::from_second(begun).unwrap_or_default();
        let format = if age < 24 * 3600 { "%H:%M" } else { "%b%d" };
        [
            if self.uid == 0 { "root".to_owned() } else { self.uid.to_string() },
            self.pid.to_string(),
            self.ppid.to_string(),
            busy.to_string(),
            time.to_zoned(TimeZone::system()).strftime(format).to_string(),
            terminal(self.tty),
            format!("{:02}:{:02}:{:02}", used / 3600, used / 60 % 60, used % 60),
            self.command.clone(),
        ]
    }
}

/// `pts/3` for a device number of a pseudo terminal; `?` without one.
fn terminal(device: i32) -> String {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    match major {
        136..=143 => format!("pts/{}", minor + (major - 136) * 256),
        4 => format!("tty{minor}"),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a (b) c) S 7 42 42 34818 42 4194560 1 0 0 0 150 50 0 0 20 0 1 0 9000 1";

    #[test]
    fn a_process_is_shown_as_ps_shows_it() {
        let process =
            Process::parse(42, STAT, "Name:\ta\nUid:\t33\t33\n", b"nginx:\0-g\0").unwrap();
        let machine = Machine { booted: 1_000, now: 1_190, ticks: 100 };
        let [uid, pid, ppid, busy, _, tty, time, command] = process.cells(&machine);
        assert_eq!(
            [uid, pid, ppid, busy, tty, time, command],
            ["33", "42", "7", "2", "pts/2", "00:00:02", "nginx: -g"]
        );
    }

    #[test]
    fn what_has_no_command_line_is_shown_by_its_name() {
        let process = Process::parse(42, STAT, "Uid:\t0\n", b"").unwrap();
        assert_eq!(process.command, "[a (b) c]");
    }
}
