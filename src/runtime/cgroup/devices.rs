//! Which devices a container may use: lines for v1, a BPF program for v2.

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

use crate::base::{Error, Kind, Result};
use crate::sys::bpf::Instruction;

/// `BPF_DEVCG_ACC_*` of `linux/bpf.h`.
const MKNOD: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const ALL: u8 = MKNOD | READ | WRITE;

/// `BPF_DEVCG_DEV_*`.
const BLOCK: u32 = 1;
const CHAR: u32 = 2;

/// An exception from what holds for all devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exception {
    kind: u32,
    major: Option<u32>,
    minor: Option<u32>,
    access: u8,
}

/// What remains of a list of rules, as the v1 kernel keeps it (security/device_cgroup.c).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether a device may be used that no exception names.
    allow: bool,
    exceptions: Vec<Exception>,
}

/// Nodes that every container has: null zero full random urandom tty console ptmx and terminals.
const ALWAYS: &[(u32, Option<u32>)] = &[
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (136, None),
];

impl Access {
    /// Nothing is allowed but what rules say, in order; an empty list denies all
    /// (GHSA-g54h-m393-cpwq). Nodes that every container has are always allowed.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a number or letter that cannot be.
    pub fn new(rules: &[LinuxDeviceCgroup]) -> Result<Access> {
        let mut access = Access { allow: false, exceptions: Vec::new() };
        for rule in rules {
            access.apply(rule)?;
        }
        for (major, minor) in ALWAYS {
            let node = Exception { kind: CHAR, major: Some(*major), minor: *minor, access: ALL };
            access.change(node, true);
        }
        Ok(access)
    }

    fn apply(&mut self, rule: &LinuxDeviceCgroup) -> Result<()> {
        let bits = access_bits(rule.access().as_deref(), rule.allow())?;
        let kinds: &[u32] = match rule.typ().unwrap_or(LinuxDeviceType::A) {
            LinuxDeviceType::A => &[],
            LinuxDeviceType::B => &[BLOCK],
            LinuxDeviceType::C | LinuxDeviceType::U => &[CHAR],
            LinuxDeviceType::P => {
                return Err(Error::new(Kind::Invalid, "a FIFO is no device to be limited"));
            }
        };
        let (major, minor) = (number(rule.major())?, number(rule.minor())?);
        if kinds.is_empty() && (major, minor, bits) == (None, None, ALL) {
            *self = Access { allow: rule.allow(), exceptions: Vec::new() };
            return Ok(());
        }
        let both = if kinds.is_empty() { &[BLOCK, CHAR][..] } else { kinds };
        for kind in both {
            self.change(Exception { kind: *kind, major, minor, access: bits }, rule.allow());
        }
        Ok(())
    }

    /// Adds an exception, or takes its bits from one for the same devices.
    fn change(&mut self, change: Exception, allow: bool) {
        let same = |other: &&mut Exception| {
            (other.kind, other.major, other.minor) == (change.kind, change.major, change.minor)
        };
        let found = self.exceptions.iter_mut().find(same);
        match (found, allow == self.allow) {
            (Some(found), false) => found.access |= change.access,
            (None, false) => self.exceptions.push(change),
            (Some(found), true) => found.access &= !change.access,
            (None, true) => {}
        }
        self.exceptions.retain(|exception| exception.access != 0);
    }

    /// What is written to `devices.deny` and `devices.allow`: file and line, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let (first, then) = match self.allow {
            true => ("devices.allow", "devices.deny"),
            false => ("devices.deny", "devices.allow"),
        };
        let exceptions = self.exceptions.iter().map(|exception| (then, exception.line()));
        [(first, "a".to_owned())].into_iter().chain(exceptions).collect()
    }

    /// The BPF program: returns 1 for what is allowed (`bpf_cgroup_dev_ctx` of `linux/bpf.h`).
    #[must_use]
    pub fn program(&self) -> Vec<Instruction> {
        // r2 = type, r3 = access, r4 = major, r5 = minor.
        let mut program = vec![
            Instruction::load_word(2, 1, 0),
            Instruction::copy(3, 2),
            Instruction::shift_right(3, 16),
            Instruction::and(2, 0xffff),
            Instruction::load_word(4, 1, 4),
            Instruction::load_word(5, 1, 8),
        ];
        for exception in &self.exceptions {
            program.extend(self.check(exception));
        }
        program.extend([Instruction::set(0, i32::from(self.allow)), Instruction::exit()]);
        program
    }

    /// Answers for devices that `exception` names; goes on behind for others.
    fn check(&self, exception: &Exception) -> Vec<Instruction> {
        let mut tests = vec![Instruction::skip_unless_equal(2, exception.kind as i32, 0)];
        for (register, wanted) in [(4, exception.major), (5, exception.minor)] {
            if let Some(wanted) = wanted {
                tests.push(Instruction::skip_unless_equal(register, wanted as i32, 0));
            }
        }
        let access = i32::from(exception.access);
        tests.push(Instruction::copy(1, 3));
        if self.allow {
            // Denied as soon as one of the accesses is.
            tests.push(Instruction::and(1, access));
            tests.push(Instruction::skip_if_equal(1, 0, 0));
        } else {
            // Allowed only if all of them are.
            tests.push(Instruction::and(1, !access & i32::from(ALL)));
            tests.push(Instruction::skip_unless_equal(1, 0, 0));
        }
        tests.extend([Instruction::set(0, i32::from(!self.allow)), Instruction::exit()]);
        let length = tests.len();
        for (index, step) in tests.iter_mut().enumerate() {
            if step.is_branch() {
                step.offset = (length - index - 1) as i16;
            }
        }
        tests
    }
}

impl Exception {
    fn line(&self) -> String {
        let number = |number: Option<u32>| {
            number.map_or_else(|| "*".to_owned(), |number| number.to_string())
        };
        let kind = if self.kind == BLOCK { 'b' } else { 'c' };
        let mut line = format!("{kind} {}:{} ", number(self.major), number(self.minor));
        for (bit, letter) in [(READ, 'r'), (WRITE, 'w'), (MKNOD, 'm')] {
            if self.access & bit != 0 {
                line.push(letter);
            }
        }
        line
    }
}

/// `None` and -1: any.
fn number(number: Option<i64>) -> Result<Option<u32>> {
    match number {
        None | Some(-1) => Ok(None),
        Some(number) => i32::try_from(number).ok().filter(|number| *number >= 0).map_or_else(
            || Err(Error::new(Kind::Invalid, format!("`{number}` is no device number"))),
            |number| Ok(Some(number as u32)),
        ),
    }
}

/// Nothing, or nothing written: all. Letters come in any order and may be repeated. One that means
/// nothing allows nothing (runc: the same); whoever denies is told that it denies nothing.
fn access_bits(text: Option<&str>, allow: bool) -> Result<u8> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or("rwm");
    text.chars().try_fold(0, |bits, letter| match letter {
        'r' => Ok(bits | READ),
        'w' => Ok(bits | WRITE),
        'm' => Ok(bits | MKNOD),
        _ if allow => Ok(bits),
        _ => Err(Error::new(Kind::Invalid, format!("`{text}` is no device access, but rwm"))),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(json: &str) -> LinuxDeviceCgroup {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_empty_list_denies_all_but_the_usual_nodes() {
        let lines = Access::new(&[]).unwrap().lines();
        assert_eq!(lines[0], ("devices.deny", "a".to_owned()));
        assert_eq!(lines[1], ("devices.allow", "c 1:3 rwm".to_owned()));
        assert_eq!(lines[9], ("devices.allow", "c 136:* rwm".to_owned()));
        assert_eq!(lines.len(), 10);
    }

    #[test]
    fn allowing_all_leaves_one_line() {
        let access = Access::new(&[rule(r#"{"allow": true, "access": "rwm"}"#)]).unwrap();
        assert_eq!(access.lines(), [("devices.allow", "a".to_owned())]);
    }

    #[test]
    fn fifos_and_wrong_letters_are_refused() {
        for json in [
            r#"{"allow": true, "type": "p"}"#,
            r#"{"allow": false, "type": "c", "access": "rx"}"#,
            r#"{"allow": true, "type": "c", "major": 4294967296}"#,
        ] {
            assert!(Access::new(&[rule(json)]).is_err(), "{json}");
        }
    }

    #[test]
    fn letters_come_in_any_order_and_unknown_ones_allow_nothing() {
        let line = |access: &str| {
            let text = r#"{"allow": true, "type": "c", "major": 10, "minor": 9, "access": "?"}"#;
            let lines = Access::new(&[rule(&text.replace('?', access))]).unwrap().lines();
            let mut own =
                lines.into_iter().map(|(_, line)| line).filter(|line| line.contains("10:9"));
            own.next().unwrap_or_default()
        };
        assert_eq!(line("mwr"), "c 10:9 rwm");
        assert_eq!(line("rr"), "c 10:9 r");
        assert_eq!(line("wra"), "c 10:9 rw");
        assert_eq!(line("x"), "");
    }

    /// What the v1 kernel answers (`devcgroup_check_permission`), on the list itself.
    fn kernel_allows(access: &Access, kind: u32, major: u32, minor: u32, wanted: u8) -> bool {
        let named = access.exceptions.iter().filter(|exception| {
            exception.kind == kind
                && exception.major.is_none_or(|number| number == major)
                && exception.minor.is_none_or(|number| number == minor)
        });
        match access.allow {
            true => !named.into_iter().any(|exception| exception.access & wanted != 0),
            false => named.into_iter().any(|exception| wanted & !exception.access == 0),
        }
    }

    /// Runs the program as the kernel would.
    fn run(program: &[Instruction], kind: u32, major: u32, minor: u32, wanted: u8) -> bool {
        let context = [kind | u32::from(wanted) << 16, major, minor];
        let mut registers = [0u64; 11];
        let mut at = 0usize;
        loop {
            let step = program[at];
            at += 1;
            let (to, from) = (usize::from(step.registers & 15), usize::from(step.registers >> 4));
            match step.code {
                0x61 => registers[to] = u64::from(context[step.offset as usize / 4]),
                0xbf => registers[to] = registers[from],
                0x77 => registers[to] >>= step.value,
                0x57 => registers[to] &= step.value as u64,
                0xb7 => registers[to] = step.value as u64,
                0x55 if registers[to] != step.value as u64 => at += step.offset as usize,
                0x15 if registers[to] == step.value as u64 => at += step.offset as usize,
                0x55 | 0x15 => {}
                0x95 => return registers[0] == 1,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    fn rules() -> impl Strategy<Value = Vec<LinuxDeviceCgroup>> {
        let one = (any::<bool>(), 0..3usize, -1..3i64, -1..3i64, 0..7usize).prop_map(
            |(allow, kind, major, minor, access)| {
                let kind = ["a", "b", "c"][kind];
                let access = ["rwm", "rw", "r", "w", "m", "rm", "wm"][access];
                rule(&format!(
                    r#"{{"allow": {allow}, "type": "{kind}", "major": {major},
                    "minor": {minor}, "access": "{access}"}}"#
                ))
            },
        );
        prop::collection::vec(one, 0..8)
    }

    proptest! {
        #[test]
        fn the_program_answers_as_v1_does(rules in rules()) {
            let access = Access::new(&rules).unwrap();
            let program = access.program();
            for kind in [BLOCK, CHAR] {
                for (major, minor) in [(0, 0), (0, 1), (1, 0), (1, 2), (2, 2), (1, 3), (136, 7)] {
                    for wanted in 1..=ALL {
                        prop_assert_eq!(
                            run(&program, kind, major, minor, wanted),
                            kernel_allows(&access, kind, major, minor, wanted)
                        );
                    }
                }
            }
        }
    }
}
