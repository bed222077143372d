//! Reading a container's output: the last lines, a span of time, and what comes later.
//!
//! A reader holds the file it reads. When that file's name has moved on, it finds it again among
//! the rotated ones by its identity, reads it to its end, and goes on with the next newer one:
//! rotation loses nothing, and nobody has to wait for readers.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use crate::base::{Context, Result};
use crate::resource::log::{LogOptions, LogRecord};
use crate::state::ContainerDir;

use super::decode::{Decoder, lines_of};
use super::files::{Archive, current, files, identity, records};
use super::lines::MANY_LINES;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Reads one container's log.
#[derive(Debug)]
pub struct Reader {
    dir: ContainerDir,
    options: LogOptions,
    /// Older, compressed files that come before `file`, the next one last.
    archives: Vec<Archive>,
    file: Option<File>,
    /// Offset in `file` of the next byte to read.
    position: u64,
    /// What was read, and where in it the first record lies that was not handed out yet.
    text: Vec<u8>,
    start: usize,
    decoder: Decoder,
    /// Lines of the next record that `tail` does not want.
    skip: usize,
    /// A record after `until` was seen.
    over: bool,
}

impl Reader {
    /// Begins where the options say. A container that printed nothing has no file; that is fine.
    ///
    /// # Errors
    /// A log file exists but cannot be read.
    pub fn open(dir: &ContainerDir, options: LogOptions) -> Result<Reader> {
        let mut reader = Reader {
            dir: dir.clone(),
            options,
            archives: Vec::new(),
            file: None,
            position: 0,
            text: Vec::new(),
            start: 0,
            decoder: Decoder::default(),
            skip: 0,
            over: false,
        };
        reader.seek().context(|| format!("cannot read {}", dir.log().display()))?;
        Ok(reader)
    }

    /// The next records; an empty list at the present end, after which it can be asked again.
    ///
    /// # Errors
    /// A log file cannot be read.
    pub fn read(&mut self) -> Result<Vec<LogRecord>> {
        let mut records = Vec::new();
        while records.is_empty() && !self.over {
            let more =
                self.fill().context(|| format!("cannot read {}", self.dir.log().display()))?;
            if !more {
                break;
            }
            self.take(&mut records);
        }
        Ok(records)
    }

    /// No later record can be of interest: the end of the span of time was passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The last record of a file whose writer died may be torn or without its newline.
    fn take(&mut self, records: &mut Vec<LogRecord>) {
        let complete = memchr::memrchr(b'\n', &self.text[self.start..]);
        let Some(complete) = complete.map(|at| self.start + at + 1) else { return };
        let text = &self.text[self.start..complete];
        let mut from = 0;
        for newline in memchr::memchr_iter(b'\n', text) {
            let line = &text[from..newline];
            from = newline + 1;
            let Some(mut record) = self.decoder.record(line) else { continue };
            drop_lines(&mut record.text, std::mem::take(&mut self.skip));
            if self.options.since.is_some_and(|since| record.time < since) {
                continue;
            }
            if self.options.until.is_some_and(|until| record.time > until) {
                self.over = true;
                return;
            }
            records.push(record);
        }
        self.start = complete;
    }

    /// Reads more text; `false` at the end of the newest file.
    fn fill(&mut self) -> io::Result<bool> {
        if let Some(archive) = self.archives.pop() {
            (self.text, self.skip) = archive.read()?;
            self.start = 0;
            return Ok(true);
        }
        loop {
            if self.file.is_none() && !self.follow(None)? {
                return Ok(false);
            }
            if self.read_chunk()? {
                return Ok(true);
            }
            // At the end. If the file was put aside in the meantime, its last records may have
            // come after that look at it.
            let Some(file) = &self.file else { return Ok(false) };
            let identity = identity(file)?;
            if current(&self.dir)? == Some(identity) {
                return Ok(false);
            }
            if self.read_chunk()? {
                return Ok(true);
            }
            if !self.follow(Some(identity))? {
                return Ok(false);
            }
        }
    }

    fn read_chunk(&mut self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        self.text.drain(..self.start);
        self.start = 0;
        let kept = self.text.len();
        self.text.resize(kept + CHUNK, 0);
        let count = file.read_at(&mut self.text[kept..], self.position);
        self.text.truncate(kept + *count.as_ref().unwrap_or(&0));
        let count = count?;
        self.position += count as u64;
        Ok(count > 0)
    }

    /// Goes on with the file that is next newer than the one with this identity; with the oldest
    /// one if there is no such file any more. `false`: there is no newer file.
    fn follow(&mut self, identity: Option<(u64, u64)>) -> io::Result<bool> {
        let files = files(&self.dir)?;
        let mine = files.iter().position(|file| {
            identity.is_some_and(|mine| self::identity(file).is_ok_and(|other| other == mine))
        });
        let next = mine.map_or(0, |at| at + 1);
        let Some(file) = files.into_iter().nth(next) else { return Ok(false) };
        self.file = Some(file);
        self.position = 0;
        // A torn last record of the old file.
        self.text.clear();
        self.start = 0;
        Ok(true)
    }

    /// To the first record that `tail` wants: counts backwards from the end.
    fn seek(&mut self) -> io::Result<()> {
        let mut wanted = self.options.tail.unwrap_or(usize::MAX);
        let mut files = files(&self.dir)?;
        // Files of these ages are there as they were written.
        let first_archive = files.len().max(2);
        while wanted > 0 || self.file.is_none() {
            let Some(file) = files.pop() else { break };
            let end = file.metadata()?.len();
            let (start, found) = match self.options.tail {
                None => (0, 0),
                Some(_) => last_lines(&file, end, wanted)?,
            };
            self.skip = found.saturating_sub(wanted);
            wanted = wanted.saturating_sub(found);
            self.position = start;
            self.file = Some(file);
        }
        if wanted > 0 {
            self.unpack(first_archive, wanted)?;
        }
        Ok(())
    }

    /// Opens compressed files as far as `wanted` records lie in them, newest first.
    fn unpack(&mut self, first: usize, mut wanted: usize) -> io::Result<()> {
        for age in first.. {
            let file = match File::open(self.dir.rotated_log(age, true)) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            let mut archive = Archive { file, skip: 0 };
            if self.options.tail.is_some() {
                let lines = records(&archive.read()?.0).map(lines_of).sum::<usize>();
                archive.skip = lines.saturating_sub(wanted);
                wanted = wanted.saturating_sub(lines);
            }
            self.archives.push(archive);
            if wanted == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Takes lines away from the beginning of a text.
fn drop_lines(text: &mut Vec<u8>, count: usize) {
    if let Some(last) = count.checked_sub(1) {
        let end = memchr::memchr_iter(b'\n', text).nth(last).map_or(text.len(), |at| at + 1);
        text.drain(..end);
    }
}

/// Where the record begins that has the first of the last `wanted` lines before `end`, and how many
/// lines there are from there on.
fn last_lines(file: &File, end: u64, wanted: usize) -> io::Result<(u64, usize)> {
    if wanted == 0 || end == 0 {
        return Ok((end, 0));
    }
    let (mut found, mut begin, mut record_end) = (0, end, end);
    let mut text = vec![0; CHUNK];
    while begin > 0 {
        let step = begin.min(CHUNK as u64);
        begin -= step;
        let text = &mut text[..step as usize];
        file.read_exact_at(text, begin)?;
        for newline in memchr::memrchr_iter(b'\n', text) {
            let next = begin + newline as u64 + 1;
            if next == end {
                continue;
            }
            found += lines_between(file, next, record_end)?;
            if found >= wanted {
                return Ok((next, found));
            }
            record_end = next;
        }
    }
    Ok((0, found + lines_between(file, 0, record_end)?))
}

/// How many lines the record between these places has.
fn lines_between(file: &File, begin: u64, end: u64) -> io::Result<usize> {
    let length = (end - begin) as usize;
    if length < MANY_LINES {
        return Ok(1);
    }
    let mut record = vec![0; length];
    file.read_exact_at(&mut record, begin)?;
    Ok(lines_of(&record))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{Lines, LogFile, Options, compress};
    use super::*;
    use crate::resource::log::Stream;

    struct Log {
        root: tempfile::TempDir,
        file: LogFile,
        lines: Lines,
    }

    impl Log {
        fn new(max_size: Option<u64>, max_files: usize) -> Log {
            let root = tempfile::tempdir().unwrap();
            let dir = ContainerDir::new(root.path().join("data"), root.path().join("run"));
            let options = Options { discard: false, max_size, max_files, compress: false };
            let file = LogFile::open(&dir, options).unwrap();
            Log { root, file, lines: Lines::new(Stream::Stdout, String::new()) }
        }

        /// Prints numbers, each at its own second.
        fn print(&mut self, numbers: std::ops::RangeInclusive<i64>) {
            for number in numbers {
                let time = Timestamp::from_second(number).unwrap();
                self.lines.push(format!("{number}\n").as_bytes(), time, &mut self.file);
            }
            self.file.flush();
        }

        fn reader(&self, options: LogOptions) -> Reader {
            let root = self.root.path();
            Reader::open(&ContainerDir::new(root.join("data"), root.join("run")), options).unwrap()
        }
    }

    fn numbers(reader: &mut Reader) -> Vec<i64> {
        let mut all = Vec::new();
        loop {
            let records = reader.read().unwrap();
            if records.is_empty() {
                return all;
            }
            let text = |record: LogRecord| String::from_utf8(record.text).unwrap();
            all.extend(
                records.into_iter().map(|record| text(record).trim().parse::<i64>().unwrap()),
            );
        }
    }

    fn tail(count: usize) -> LogOptions {
        LogOptions { tail: Some(count), ..LogOptions::default() }
    }

    #[test]
    fn a_log_that_does_not_exist_yet_is_empty_and_followed() {
        let mut log = Log::new(None, 1);
        std::fs::remove_file(log.root.path().join("data/log/json.log")).unwrap();
        let mut reader = log.reader(LogOptions::default());
        assert_eq!(numbers(&mut reader), [0_i64; 0]);
        log = Log { file: LogFile::open(&reader.dir, log_options(None, 1)).unwrap(), ..log };
        log.print(1..=2);
        assert_eq!(numbers(&mut reader), [1, 2]);
    }

    fn log_options(max_size: Option<u64>, max_files: usize) -> Options {
        Options { discard: false, max_size, max_files, compress: false }
    }

    #[test]
    fn the_tail_counts_across_rotated_files() {
        let mut log = Log::new(Some(100), 4);
        log.print(1..=7);
        assert_eq!(numbers(&mut log.reader(LogOptions::default())), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(numbers(&mut log.reader(tail(0))), [0_i64; 0]);
        assert_eq!(numbers(&mut log.reader(tail(1))), [7]);
        assert_eq!(numbers(&mut log.reader(tail(4))), [4, 5, 6, 7]);
        assert_eq!(numbers(&mut log.reader(tail(99))), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn compressed_files_are_read_and_counted_too() {
        let mut log = Log::new(Some(100), 9);
        log.print(1..=9);
        let dir = log.reader(tail(0)).dir;
        for age in 2..=4 {
            let (from, to) = (dir.rotated_log(age, false), dir.rotated_log(age, true));
            assert_eq!(compress::main(&[from.into(), to.into()]), std::process::ExitCode::SUCCESS);
        }
        assert_eq!(numbers(&mut log.reader(LogOptions::default())), (1..=9).collect::<Vec<_>>());
        assert_eq!(numbers(&mut log.reader(tail(2))), [8, 9]);
        assert_eq!(numbers(&mut log.reader(tail(6))), [4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_long_file_is_searched_from_its_end() {
        let mut log = Log::new(None, 1);
        log.print(1..=20_000);
        assert_eq!(numbers(&mut log.reader(tail(9_000))), (11_001..=20_000).collect::<Vec<_>>());
        assert_eq!(numbers(&mut log.reader(LogOptions::default())).len(), 20_000);
    }

    #[test]
    fn the_tail_counts_lines_of_a_flood_too() {
        let mut log = Log::new(None, 1);
        log.print(1..=3);
        log.lines = log.lines.flooded(9);
        let flood: String = (4..=20_000).map(|number| format!("{number}\n")).collect();
        log.lines.push(flood.as_bytes(), Timestamp::from_second(9).unwrap(), &mut log.file);
        log.print(20_001..=20_002);
        let tail = |count| {
            let mut reader = log.reader(tail(count));
            let mut text = Vec::new();
            loop {
                let records = reader.read().unwrap();
                if records.is_empty() {
                    return String::from_utf8(text).unwrap();
                }
                records.into_iter().for_each(|record| text.extend(record.text));
            }
        };
        assert_eq!(tail(1), "20002\n");
        for count in [3, 500, 5000, 19_999, 20_002, 30_000] {
            let text = tail(count);
            let first = 20_002_usize.saturating_sub(count) + 1;
            assert_eq!(text.lines().count(), count.min(20_002), "{count}");
            assert_eq!(text.lines().next().unwrap(), first.to_string());
        }
    }

    #[test]
    fn a_span_of_time_ends_the_reading() {
        let mut log = Log::new(None, 1);
        log.print(1..=9);
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let options = LogOptions { since: at(3), until: at(5), ..LogOptions::default() };
        let mut reader = log.reader(options);
        assert_eq!(numbers(&mut reader), [3, 4, 5]);
        assert!(reader.is_over());
    }

    #[test]
    fn following_survives_rotation_and_dropped_files() {
        let mut log = Log::new(Some(100), 3);
        log.print(1..=1);
        let mut reader = log.reader(LogOptions::default());
        assert_eq!(numbers(&mut reader), [1]);
        log.print(2..=5);
        assert_eq!(numbers(&mut reader), [2, 3, 4, 5]);
        // The reader's file stays readable although its name is gone; two others are lost to all.
        log.print(6..=13);
        assert_eq!(numbers(&mut reader), [6, 9, 10, 11, 12, 13]);
    }
}
