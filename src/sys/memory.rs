//! Giving memory back while a process has nothing to do.

use std::io;

/// Returns free heap pages to the kernel.
pub fn trim_heap() {
    // SAFETY: `malloc_trim` takes no pointers and may be called at any time.
    unsafe { libc::malloc_trim(0) };
}

/// Lets the kernel take this program's own code and constants out of memory: they are clean
/// copies of the file and come back page by page when they are needed.
///
/// # Errors
/// `/proc` is not mounted.
pub fn drop_clean_program_pages() -> io::Result<()> {
    let maps = std::fs::read_to_string("/proc/self/smaps")?;
    let program = std::fs::read_link("/proc/self/exe")?;
    for (start, length) in clean_mappings(&maps, &program.to_string_lossy()) {
        // SAFETY: the range is a mapping of our own file without private copies, so its pages
        // read the same after they were dropped. The program has one thread, which runs on.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
    Ok(())
}

/// Gives back the pages of the stack that a deeper call left behind.
///
/// # Errors
/// `/proc` is not mounted.
pub fn trim_stack() -> io::Result<()> {
    /// Distance kept to what the calling functions use, the red zone included.
    const MARGIN: usize = 32 * 1024;
    const PAGE: usize = 4096;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let here = &raw const maps as usize;
    let Some((start, length)) = mapping_of(&maps, here) else { return Ok(()) };
    let end = (here - MARGIN).min(start + length) & !(PAGE - 1);
    if end > start {
        // SAFETY: the range lies in the mapping of this thread's stack, and further below every
        // live frame than any frame of this function or a signal handler reaches: it holds
        // nothing that is read before it is written again.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
    Ok(())
}

/// Start and length of the mapping that `address` lies in.
fn mapping_of(maps: &str, address: usize) -> Option<(usize, usize)> {
    maps.lines().find_map(|line| {
        let (start, rest) = line.split_once('-')?;
        let (start, length) = range(start, rest.split_once(' ')?.0)?;
        (start..start + length).contains(&address).then_some((start, length))
    })
}

/// Mappings of `program` that are not writable and have no changed pages. Relocated constants
/// (RELRO) are read-only, too, but their pages differ from the file: they must stay.
fn clean_mappings(smaps: &str, program: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else { continue };
        if let Some((start, end)) = first.split_once('-') {
            let ours = line.ends_with(program) && !second.contains('w');
            candidate = range(start, end).filter(|_| ours);
        } else if first == "Anonymous:" && second == "0" {
            found.extend(candidate.take());
        }
    }
    found
}

fn range(start: &str, end: &str) -> Option<(usize, usize)> {
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unchanged_read_only_mappings_of_the_program_are_dropped() {
        let smaps = "\
1000-3000 r-xp 00000000 08:01 12 /usr/bin/compose
Rss: 8 kB
Anonymous:             0 kB
3000-4000 r--p 00002000 08:01 12 /usr/bin/compose
Anonymous:             4 kB
4000-5000 rw-p 00003000 08:01 12 /usr/bin/compose
Anonymous:             0 kB
7000-8000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
";
        assert_eq!(clean_mappings(smaps, "/usr/bin/compose"), [(0x1000, 0x2000)]);
    }

    #[test]
    fn the_program_goes_on_after_its_pages_were_dropped() {
        trim_heap();
        drop_clean_program_pages().unwrap();
        trim_stack().unwrap();
        assert_eq!("still here".to_uppercase(), "STILL HERE");
    }
}
