//! The compiler: a filter becomes a BPF program.

use std::collections::BTreeMap;

use oci_spec::runtime::LinuxSeccompOperator;

use crate::base::{Error, Kind, Result};
use crate::sys::seccomp::Instruction;

use super::profile::{Comparison, Filter, Rule};
use super::syscalls::{NONE, Row, SYSCALLS};

/// `AUDIT_ARCH_*` of `linux/audit.h`.
pub(super) const ARCH_NATIVE: u32 =
    if cfg!(target_arch = "aarch64") { 0xC000_00B7 } else { 0xC000_003E };
const ARCH_I386: u32 = 0x4000_0003;

/// Numbers of x32 programs have this bit; no distribution's kernel runs them.
const X32_BIT: u32 = 0x4000_0000;

/// Offsets in `struct seccomp_data`.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_GREATER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const JUMP_NOT_LESS: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;

/// In a jump's `if_true` or `if_false`: this comparison failed. Replaced by a distance.
const FAIL: u8 = u8::MAX;

const NO_SUCH_CALL: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

fn instruction(code: u16, if_true: u8, if_false: u8, value: u32) -> Instruction {
    Instruction { code, if_true, if_false, value }
}

fn load(offset: u32) -> Instruction {
    instruction(LOAD, 0, 0, offset)
}

fn answer(action: u32) -> Instruction {
    instruction(RETURN, 0, 0, action)
}

fn jump(distance: usize) -> Instruction {
    instruction(JUMP, 0, 0, distance as u32)
}

/// Compiles `filter` for this machine's architecture.
///
/// # Errors
/// [`Kind::Invalid`] for a comparison of an argument that no system call has.
pub fn compile(filter: &Filter) -> Result<Vec<Instruction>> {
    let native = |row: &Row| if cfg!(target_arch = "aarch64") { row.3 } else { row.1 };
    let mut program = vec![load(OFFSET_ARCH)];
    let mut block = vec![load(OFFSET_NUMBER)];
    if cfg!(target_arch = "x86_64") {
        block.push(instruction(JUMP_NOT_LESS, 0, 1, X32_BIT));
        block.push(answer(NO_SUCH_CALL));
    }
    block.extend(search(&ranges(filter, native)?));
    push_block(&mut program, ARCH_NATIVE, block);
    if cfg!(target_arch = "x86_64") && filter.allow_i386 {
        let mut block = vec![load(OFFSET_NUMBER)];
        block.extend(search(&ranges(filter, |row: &Row| row.2)?));
        push_block(&mut program, ARCH_I386, block);
    }
    program.push(answer(libc::SECCOMP_RET_KILL_PROCESS));
    Ok(program)
}

/// Appends `block`, entered when the architecture, which was loaded, is `arch`.
fn push_block(program: &mut Vec<Instruction>, arch: u32, block: Vec<Instruction>) {
    program.push(instruction(JUMP_EQUAL, 1, 0, arch));
    program.push(jump(block.len()));
    program.extend(block);
}

/// System calls from `first` up to the next range's first, which all have this code.
#[derive(Debug)]
struct Range {
    first: u32,
    code: Vec<Instruction>,
}

/// The code of every system call number, neighbours with the same code joined.
fn ranges(filter: &Filter, number: impl Fn(&Row) -> u16) -> Result<Vec<Range>> {
    let mut rules: BTreeMap<u16, Vec<&Rule>> = BTreeMap::new();
    for rule in &filter.rules {
        for name in &rule.names {
            let row = SYSCALLS.binary_search_by_key(&name.as_str(), |row| row.0);
            match row.map(|row| number(&SYSCALLS[row])) {
                Ok(NONE) | Err(_) => {}
                Ok(number) => rules.entry(number).or_default().push(rule),
            }
        }
    }
    let newest = rules.last_key_value().map_or(0, |(number, _)| *number);
    let mut ranges: Vec<Range> = Vec::new();
    for number in 0..=newest {
        let rules = rules.get(&number).map(Vec::as_slice).unwrap_or_default();
        push_range(&mut ranges, u32::from(number), code(rules, filter.default)?);
    }
    let beyond = if denies(filter.default) { NO_SUCH_CALL } else { filter.default };
    push_range(&mut ranges, u32::from(newest) + 1, vec![answer(beyond)]);
    Ok(ranges)
}

fn push_range(ranges: &mut Vec<Range>, first: u32, code: Vec<Instruction>) {
    if ranges.last().is_none_or(|last| last.code != code) {
        ranges.push(Range { first, code });
    }
}

/// Whether a system call with this answer does not happen.
fn denies(action: u32) -> bool {
    !matches!(
        action & libc::SECCOMP_RET_ACTION_FULL,
        libc::SECCOMP_RET_ALLOW
            | libc::SECCOMP_RET_LOG
            | libc::SECCOMP_RET_TRACE
            | libc::SECCOMP_RET_USER_NOTIF
    )
}

/// Binary search by the loaded number: at most 8 comparisons for 200 ranges.
fn search(ranges: &[Range]) -> Vec<Instruction> {
    let middle = ranges.len() / 2;
    let (below, from) = ranges.split_at(middle);
    let (Some(first), false) = (from.first(), below.is_empty()) else {
        return ranges.first().map(|range| range.code.clone()).unwrap_or_default();
    };
    let below = search(below);
    let from_code = search(from);
    let mut code = Vec::with_capacity(below.len() + from_code.len() + 2);
    match u8::try_from(below.len()) {
        Ok(distance) => code.push(instruction(JUMP_NOT_LESS, distance, 0, first.first)),
        Err(_) => {
            code.push(instruction(JUMP_NOT_LESS, 0, 1, first.first));
            code.push(jump(below.len()));
        }
    }
    code.extend(below);
    code.extend(from_code);
    code
}

/// One system call's code: its rules in order, then the default.
fn code(rules: &[&Rule], default: u32) -> Result<Vec<Instruction>> {
    let mut code = Vec::new();
    for rule in rules {
        let mut compared = Vec::new();
        for comparison in &rule.comparisons {
            compared.extend(compare(comparison)?);
        }
        let length = compared.len();
        for (index, step) in compared.iter_mut().enumerate() {
            // Past the rest of the comparisons, and past the answer.
            let distance = (length - index) as u8;
            for target in [&mut step.if_true, &mut step.if_false] {
                if *target == FAIL {
                    *target = distance;
                }
            }
        }
        code.extend(compared);
        code.push(answer(rule.action));
        if rule.comparisons.is_empty() {
            return Ok(code);
        }
    }
    code.push(answer(default));
    Ok(code)
}

/// Compares a 64-bit argument, half by half; goes on behind when it holds, or to [`FAIL`].
fn compare(comparison: &Comparison) -> Result<Vec<Instruction>> {
    let index = u32::try_from(comparison.index).ok().filter(|index| *index < 6);
    let index = index.ok_or_else(|| {
        Error::new(Kind::Invalid, "a seccomp profile compares an argument after the sixth")
    })?;
    let low = load(OFFSET_ARGUMENTS + 8 * index);
    let high = load(OFFSET_ARGUMENTS + 8 * index + 4);
    let halves = |value: u64| ((value >> 32) as u32, value as u32);
    let (value_high, value_low) = halves(comparison.value);
    // The upper half decides unless it is equal: `above` and `below` say what it decides.
    let ordered = |above: u8, below: u8, last: Instruction| {
        let first = instruction(JUMP_GREATER, above, 0, value_high);
        vec![high, first, instruction(JUMP_EQUAL, 0, below, value_high), low, last]
    };
    Ok(match comparison.op {
        LinuxSeccompOperator::ScmpCmpEq => vec![
            high,
            instruction(JUMP_EQUAL, 0, FAIL, value_high),
            low,
            instruction(JUMP_EQUAL, 0, FAIL, value_low),
        ],
        LinuxSeccompOperator::ScmpCmpNe => vec![
            high,
            instruction(JUMP_EQUAL, 0, 2, value_high),
            low,
            instruction(JUMP_EQUAL, FAIL, 0, value_low),
        ],
        LinuxSeccompOperator::ScmpCmpGt => {
            ordered(3, FAIL, instruction(JUMP_GREATER, 0, FAIL, value_low))
        }
        LinuxSeccompOperator::ScmpCmpGe => {
            ordered(3, FAIL, instruction(JUMP_NOT_LESS, 0, FAIL, value_low))
        }
        LinuxSeccompOperator::ScmpCmpLt => {
            ordered(FAIL, 2, instruction(JUMP_NOT_LESS, FAIL, 0, value_low))
        }
        LinuxSeccompOperator::ScmpCmpLe => {
            ordered(FAIL, 2, instruction(JUMP_GREATER, FAIL, 0, value_low))
        }
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            let (wanted_high, wanted_low) = halves(comparison.value_two.unwrap_or(0));
            vec![
                high,
                instruction(AND, 0, 0, value_high),
                instruction(JUMP_EQUAL, 0, FAIL, wanted_high),
                low,
                instruction(AND, 0, 0, value_low),
                instruction(JUMP_EQUAL, 0, FAIL, wanted_low),
            ]
        }
    })
}
