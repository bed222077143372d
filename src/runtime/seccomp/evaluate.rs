//! What a compiled filter answers, without asking the kernel.

use crate::sys::seccomp::Instruction;

use super::Program;
use super::compile::ARCH_NATIVE;

/// The answer to a program that this machine's kernel would not take either.
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

impl Program {
    /// Whether a process behind this filter can fork another one by
    /// [`fork_sibling`](crate::sys::process::fork_sibling), say so over a socket and end, and the
    /// new process lead a session with a terminal.
    #[must_use]
    pub fn allows_birth(&self) -> bool {
        let clone = (libc::CLONE_PARENT | libc::CLONE_PIDFD) as u64;
        let needed = [
            (libc::SYS_clone, [clone, 0, 0, 0, 0, 0]),
            (libc::SYS_sendmsg, [0; 6]),
            (libc::SYS_exit_group, [0; 6]),
            (libc::SYS_setsid, [0; 6]),
            (libc::SYS_ioctl, [0, libc::TIOCSCTTY, 0, 0, 0, 0]),
        ];
        needed.iter().all(|(number, arguments)| {
            let answer = run(&self.instructions, ARCH_NATIVE, *number as u32, *arguments);
            answer == libc::SECCOMP_RET_ALLOW || answer == libc::SECCOMP_RET_LOG
        })
    }
}

/// Runs a program as the kernel would: `number` and `arguments` of a system call of `arch`.
pub(super) fn run(program: &[Instruction], arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(arch.to_le_bytes());
    data.extend(0u64.to_le_bytes());
    arguments.iter().for_each(|argument| data.extend(argument.to_le_bytes()));
    let (mut accumulator, mut at) = (0u32, 0usize);
    while let Some(step) = program.get(at) {
        at += 1;
        let branch = |holds: bool| usize::from(if holds { step.if_true } else { step.if_false });
        match u32::from(step.code) {
            0x20 => {
                let offset = step.value as usize;
                let word = data.get(offset..offset + 4).and_then(|word| word.try_into().ok());
                let Some(word) = word else { return KILL };
                accumulator = u32::from_le_bytes(word);
            }
            0x54 => accumulator &= step.value,
            0x05 => at += step.value as usize,
            0x15 => at += branch(accumulator == step.value),
            0x25 => at += branch(accumulator > step.value),
            0x35 => at += branch(accumulator >= step.value),
            0x06 => return step.value,
            _ => return KILL,
        }
    }
    KILL
}
