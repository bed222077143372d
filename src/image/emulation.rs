//! Programs for other processors, which the kernel hands to an emulator (binfmt_misc).

use std::fs;
use std::path::Path;

use super::Platform;

/// Where the kernel lists its handlers (Linux: admin-guide/binfmt-misc.rst).
const HANDLERS: &str = "/proc/sys/fs/binfmt_misc";

/// Whether the kernel has a handler for programs of this platform.
#[must_use]
pub fn is_ready(platform: &Platform) -> bool {
    let Some(machine) = machine(&platform.architecture) else { return false };
    let Ok(entries) = fs::read_dir(Path::new(HANDLERS)) else { return false };
    let mut texts = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    platform.os == "linux" && texts.any(|text| handles(&text, machine))
}

/// The processor's number in the header of a program (elf(5): `e_machine`).
fn machine(architecture: &str) -> Option<u16> {
    Some(match architecture {
        "386" => 3,
        "mips" | "mipsle" | "mips64" | "mips64le" => 8,
        "ppc64" | "ppc64le" => 21,
        "s390x" => 22,
        "arm" => 40,
        "amd64" => 62,
        "arm64" => 183,
        "riscv64" => 243,
        "loong64" => 258,
        _ => return None,
    })
}

/// Whether a handler is switched on, and is for programs with this number.
fn handles(text: &str, machine: u16) -> bool {
    const DATA: usize = 5;
    const MACHINE: usize = 18;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let magic = value("magic ").unwrap_or_default();
    let byte = |at: usize| {
        magic.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok())
    };
    let (Some(data), Some(low), Some(high)) = (byte(DATA), byte(MACHINE), byte(MACHINE + 1)) else {
        return false;
    };
    let number = match data {
        2 => u16::from_be_bytes([low, high]),
        _ => u16::from_le_bytes([low, high]),
    };
    let is_on = text.lines().next() == Some("enabled");
    is_on && magic.starts_with("7f454c46") && value("offset ") == Some("0") && number == machine
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARM64: &str = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n\
                         magic 7f454c460201010000000000000000000200b700\n\
                         mask ffffffffffffff00fffffffffffffffffeffffff\n";

    #[test]
    fn a_handler_is_for_the_processor_in_its_magic() {
        let (arm64, s390x) = (machine("arm64").unwrap(), machine("s390x").unwrap());
        assert!(handles(ARM64, arm64) && !handles(ARM64, s390x));
        assert!(!handles(&ARM64.replace("enabled", "disabled"), arm64));
        let big = "enabled\noffset 0\nmagic 7f454c4602020100000000000000000000020016\n";
        assert!(handles(big, s390x));
        assert!(!handles("enabled\n", arm64) && machine("x").is_none());
    }
}
