//! One process, as the kernel describes it (proc(5)).

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What processes are measured against.
pub struct Machine {
    /// Seconds since the epoch.
    booted: i64,
    now: i64,
    ticks: u64,
    page: u64,
    /// KiB.
    memory: u64,
    /// Names by user ids.
    users: Vec<(u32, String)>,
}

impl Machine {
    pub fn look() -> Machine {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (stat, memory) = (file("/proc/stat"), file("/proc/meminfo"));
        let number = |text: &str, key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        Machine {
            booted: number(&stat, "btime ").and_then(|it| i64::try_from(it).ok()).unwrap_or(0),
            now: Timestamp::now().as_second(),
            ticks: rustix::param::clock_ticks_per_second(),
            page: rustix::param::page_size() as u64,
            memory: number(&memory, "MemTotal:").unwrap_or(0),
            users: users(&file("/etc/passwd")),
        }
    }

    fn user(&self, uid: u32) -> String {
        let found = self.users.iter().find(|(id, _)| *id == uid);
        found.map_or_else(|| uid.to_string(), |(_, name)| name.clone())
    }
}

/// Names and ids of passwd(5).
fn users(passwd: &str) -> Vec<(u32, String)> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        Some((id.parse().ok()?, name.to_owned()))
    };
    passwd.lines().filter_map(user).collect()
}

/// A process.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Process {
    uid: u32,
    gid: u32,
    pid: i32,
    /// Fields of `/proc/PID/stat` behind the name: the first is the state.
    fields: Vec<String>,
    name: String,
    command: String,
}

impl Process {
    /// `None`: it has ended.
    pub fn read(pid: i32) -> Option<Process> {
        let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
        let stat = String::from_utf8_lossy(&file("stat")?).into_owned();
        let status = String::from_utf8_lossy(&file("status")?).into_owned();
        Process::parse(pid, &stat, &status, &file("cmdline")?)
    }

    /// From the texts of `stat`, `status` and `cmdline`.
    fn parse(pid: i32, stat: &str, status: &str, cmdline: &[u8]) -> Option<Process> {
        // The name is in parentheses, and may have some of its own.
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        // The effective one is the second.
        let id = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_ascii_whitespace().nth(1)?.parse().ok()
        };
        let words: Vec<_> = cmdline
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(String::from_utf8_lossy)
            .collect();
        Some(Process {
            uid: id("Uid:")?,
            gid: id("Gid:")?,
            pid,
            fields: fields.split_ascii_whitespace().map(str::to_owned).collect(),
            name: name.to_owned(),
            command: if words.is_empty() { format!("[{name}]") } else { words.join(" ") },
        })
    }

    /// A field of `stat`, by its number in proc(5).
    fn number(&self, field: usize) -> i64 {
        self.fields.get(field - 3).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn count(&self, field: usize) -> u64 {
        u64::try_from(self.number(field)).unwrap_or(0)
    }

    fn state(&self) -> &str {
        self.fields.first().map_or("?", String::as_str)
    }

    /// What stands in a column, by the first of its names.
    pub fn cell(&self, column: &str, machine: &Machine) -> String {
        let used = (self.count(14) + self.count(15)) / machine.ticks;
        let begun = machine.booted + (self.count(22) / machine.ticks) as i64;
        let age = u64::try_from(machine.now - begun).unwrap_or(0);
        let kilobytes = self.count(24) * machine.page / 1024;
        let begun = Timestamp::from_second(begun).unwrap_or_default().to_zoned(TimeZone::system());
        let today = age < 24 * 3600;
        match column {
            "pid" => self.pid.to_string(),
            "ppid" => self.number(4).to_string(),
            "pgid" => self.number(5).to_string(),
            "sid" => self.number(6).to_string(),
            "user" => machine.user(self.uid),
            "uid" => self.uid.to_string(),
            "gid" => self.gid.to_string(),
            "c" => used.saturating_mul(100).checked_div(age).unwrap_or(0).min(99).to_string(),
            "pcpu" => share(used, age),
            "pmem" => share(kilobytes, machine.memory),
            "vsz" => (self.count(23) / 1024).to_string(),
            "rss" => kilobytes.to_string(),
            "sz" => (self.count(23) / machine.page).to_string(),
            "ni" => self.number(19).to_string(),
            // The kernel counts from -100, ps from 139 down (its `pri_foo` family).
            "pri" => (39 - self.number(18)).to_string(),
            "psr" => self.number(39).to_string(),
            "nlwp" => self.number(20).to_string(),
            // Forked but did not exec, and used privileges: the two bits ps shows.
            "f" => ((self.count(9) >> 6) & 7).to_string(),
            "s" => self.state().to_owned(),
            "stat" => self.long_state(),
            "stime" => begun.strftime(if today { "%H:%M" } else { "%b%d" }).to_string(),
            "start" => begun.strftime(if today { "%H:%M:%S" } else { "%b %d" }).to_string(),
            "lstart" => begun.strftime("%a %b %e %H:%M:%S %Y").to_string(),
            "etime" => elapsed(age),
            "etimes" => age.to_string(),
            "time" => clock(used),
            "bsdtime" => format!("{}:{:02}", used / 60, used % 60),
            "tty" => terminal(self.number(7)),
            "comm" => self.name.clone(),
            _ => self.command.clone(),
        }
    }

    /// The state with the marks that ps adds: priority, leader of a session, threads, foreground.
    fn long_state(&self) -> String {
        let mut text = self.state().to_owned();
        let marks = [
            ('<', self.number(19) < 0),
            ('N', self.number(19) > 0),
            ('s', self.number(6) == i64::from(self.pid)),
            ('l', self.number(20) > 1),
            ('+', self.number(8) == self.number(5)),
        ];
        text.extend(marks.into_iter().filter(|(_, applies)| *applies).map(|(mark, _)| mark));
        text
    }
}

/// Per cent with one decimal.
fn share(part: u64, whole: u64) -> String {
    let tenths = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// `[D-]HH:MM:SS`
fn clock(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let rest = format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if days > 0 { format!("{days}-{rest}") } else { rest }
}

/// `[[D-]HH:]MM:SS`
fn elapsed(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        _ => clock(seconds),
    }
}

/// `pts/3` for a device number of a pseudo terminal; `?` without one.
fn terminal(device: i64) -> String {
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

    const STAT: &str = "42 (a (b) c) S 7 42 42 34818 42 4194560 1 0 0 0 150 50 0 0 20 0 1 0 9000 \
                        8192000 256";
    const STATUS: &str = "Name:\ta\nUid:\t33\t33\t33\t33\nGid:\t34\t34\n";

    fn machine() -> Machine {
        let users = users("root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\n");
        Machine { booted: 1_000, now: 1_190, ticks: 100, page: 4096, memory: 10_240, users }
    }

    fn cells(process: &Process, columns: &str) -> String {
        let cells = columns.split(' ').map(|column| process.cell(column, &machine()));
        cells.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_process_is_shown_as_ps_shows_it() {
        let process = Process::parse(42, STAT, STATUS, b"nginx:\0-g\0").unwrap();
        assert_eq!(
            cells(&process, "user pid ppid c tty time cmd"),
            "www-data 42 7 2 pts/2 00:00:02 nginx: -g"
        );
        assert_eq!(cells(&process, "uid gid pgid sid stat pcpu pmem"), "33 34 42 42 Ss+ 2.0 10.0");
        assert_eq!(
            cells(&process, "vsz rss sz ni pri nlwp etime etimes"),
            "8000 1024 2000 0 19 1 01:40 100"
        );
    }

    #[test]
    fn what_has_no_command_line_is_shown_by_its_name() {
        let process = Process::parse(42, STAT, STATUS, b"").unwrap();
        assert_eq!(cells(&process, "cmd"), "[a (b) c]");
        assert_eq!(cells(&process, "comm"), "a (b) c");
    }

    #[test]
    fn long_times_have_days() {
        assert_eq!(clock(90_061), "1-01:01:01");
        assert_eq!(elapsed(3_661), "01:01:01");
    }
}
