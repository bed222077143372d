//! eBPF programs: loaded, and attached to control groups.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// One instruction (`struct bpf_insn`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u8,
    /// Destination register in the lower half, source in the upper one.
    pub registers: u8,
    /// How far a branch goes, or where memory is read.
    pub offset: i16,
    /// The constant operand.
    pub value: i32,
}

/// Operations used here, as `linux/bpf.h` composes them.
const LOAD_WORD: u8 = 0x61;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const BRANCH_EQUAL: u8 = 0x15;
const BRANCH_NOT_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;

impl Instruction {
    fn new(code: u8, registers: u8, offset: i16, value: i32) -> Instruction {
        Instruction { code, registers, offset, value }
    }

    /// `to` = the 32-bit word at address `from` + `offset`.
    #[must_use]
    pub fn load_word(to: u8, from: u8, offset: i16) -> Instruction {
        Instruction::new(LOAD_WORD, to | from << 4, offset, 0)
    }

    /// `to` = `from`.
    #[must_use]
    pub fn copy(to: u8, from: u8) -> Instruction {
        Instruction::new(COPY, to | from << 4, 0, 0)
    }

    /// `to` = `value`.
    #[must_use]
    pub fn set(to: u8, value: i32) -> Instruction {
        Instruction::new(SET, to, 0, value)
    }

    /// `to` &= `value`.
    #[must_use]
    pub fn and(to: u8, value: i32) -> Instruction {
        Instruction::new(AND, to, 0, value)
    }

    /// `to` >>= `value`.
    #[must_use]
    pub fn shift_right(to: u8, value: i32) -> Instruction {
        Instruction::new(SHIFT_RIGHT, to, 0, value)
    }

    /// Skips `offset` instructions if the register equals `value`.
    #[must_use]
    pub fn skip_if_equal(register: u8, value: i32, offset: i16) -> Instruction {
        Instruction::new(BRANCH_EQUAL, register, offset, value)
    }

    /// Skips `offset` instructions unless the register equals `value`.
    #[must_use]
    pub fn skip_unless_equal(register: u8, value: i32, offset: i16) -> Instruction {
        Instruction::new(BRANCH_NOT_EQUAL, register, offset, value)
    }

    /// Ends the program with what register 0 holds.
    #[must_use]
    pub fn exit() -> Instruction {
        Instruction::new(EXIT, 0, 0, 0)
    }

    /// Whether it is one of the two that skip.
    #[must_use]
    pub fn is_branch(&self) -> bool {
        matches!(self.code, BRANCH_EQUAL | BRANCH_NOT_EQUAL)
    }
}

/// The part of `union bpf_attr` for `BPF_PROG_LOAD` that is not zero here.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part for `BPF_PROG_ATTACH`.
#[repr(C)]
#[derive(Default)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
    replaced: u32,
}

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;

/// Loads `program` and attaches it to the control group (v2) at `group`, where it decides about
/// devices from then on, together with those of groups above.
///
/// # Errors
/// `EPERM` without privileges; `EINVAL` for a program that the verifier refuses.
pub fn attach_device_program(program: &[Instruction], group: BorrowedFd<'_>) -> io::Result<()> {
    let load = Load {
        kind: PROG_TYPE_CGROUP_DEVICE,
        instruction_count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        ..Load::default()
    };
    // SAFETY: `load` begins like the kernel's union and its size is given; the program and the
    // license, which ends in NUL, outlive the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel returned a new descriptor that nothing else owns.
    let loaded = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let attach = Attach {
        target: group.as_raw_fd() as u32,
        program: loaded.as_raw_fd() as u32,
        kind: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
        replaced: 0,
    };
    // SAFETY: as above; it holds numbers only.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>())
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
