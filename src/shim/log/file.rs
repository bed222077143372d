//! The log file: batches, rotation, full disks.
//!
//! Nothing here makes the container wait or fails it: what cannot be written is counted and
//! dropped, and said in the log itself as soon as it can be written again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Child;

use jiff::Timestamp;

use crate::base::{Context, Result};
use crate::resource::log::Stream;
use crate::state::{self, ContainerDir};

use super::lines::Sink;
use super::{Options, compress, encode};

/// Largest batch: what is written at once.
const BATCH: usize = 256 * 1024;

/// A container's current log file, and the rotated ones beside it.
#[derive(Debug)]
pub struct LogFile {
    dir: ContainerDir,
    options: Options,
    /// `None`: it could not be opened again after a rotation.
    file: Option<File>,
    /// Length of the current file.
    size: u64,
    /// The file is rotated when it reaches this length; `None`: never.
    limit: Option<u64>,
    batch: Vec<u8>,
    /// Makes an older file smaller.
    compressing: Option<Child>,
    /// Bytes of records that could not be written since the last one that could.
    dropped: u64,
    changed: bool,
}

impl LogFile {
    /// Opens the container's log to go on with it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(dir: &ContainerDir, options: Options) -> Result<LogFile> {
        let mut log = LogFile {
            dir: dir.clone(),
            limit: options.max_size,
            options,
            file: None,
            size: 0,
            batch: Vec::new(),
            compressing: None,
            dropped: 0,
            changed: false,
        };
        if !log.options.discard {
            state::roots::make_dir(&dir.log_dir())?;
            log.reopen().context(|| format!("cannot open {}", dir.log().display()))?;
        }
        Ok(log)
    }

    /// Writes the records that were taken.
    pub fn flush(&mut self) {
        if self.batch.is_empty() || self.options.discard {
            self.batch.clear();
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let length = batch.len() as u64;
        match self.recover().and_then(|()| self.append(&batch)) {
            Ok(()) => self.changed = true,
            // Said in the log by `recover`, which knows only how much.
            Err(_) => self.dropped += length,
        }
        self.batch = batch;
        self.batch.clear();
    }

    /// Whether records were written since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Gives memory back while there is nothing to write.
    pub fn park(&mut self) {
        self.flush();
        self.batch = Vec::new();
    }

    /// Opens the current file; a torn last record is ended, so that it spoils no other.
    fn reopen(&mut self) -> io::Result<()> {
        let mut open = File::options();
        open.read(true).append(true).create(true).mode(0o640);
        let mut file = open.open(self.dir.log())?;
        self.size = file.metadata()?.len();
        if self.size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                self.size += 1;
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Says what was lost, once writing works again.
    fn recover(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.reopen()?;
        }
        if self.dropped == 0 {
            return Ok(());
        }
        let (mut notice, mut tail) = (Vec::new(), Vec::new());
        let text = format!("compose: the log could not be written: {} bytes lost", self.dropped);
        encode::tail(&mut tail, Stream::Stderr, "", Timestamp::now());
        encode::plain_line(&mut notice, text.as_bytes(), &tail);
        self.append(&notice)?;
        self.dropped = 0;
        Ok(())
    }

    /// Writes whole records or none.
    fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        if let Err(error) = file.write_all(records) {
            // If this fails too, the reader skips the torn record.
            let _ = file.set_len(self.size);
            return Err(error);
        }
        self.size += records.len() as u64;
        Ok(())
    }

    /// Docker: the file that reached its size is put aside before the next record.
    fn rotate(&mut self) {
        self.flush();
        // Whoever reaps our children may have been faster; then it has ended, too.
        let busy = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        let busy = self.compressing.as_mut().is_some_and(busy);
        if busy || self.put_aside().is_err() {
            // Better too long a log than none; tried again when it has grown by as much again.
            self.limit = self.options.max_size.map(|size| self.size + size);
            return;
        }
        self.file = None;
        self.size = 0;
        self.limit = self.options.max_size;
        // A failure is met again, and counted, by the next batch.
        let _ = self.reopen();
        self.compress();
    }

    fn put_aside(&self) -> io::Result<()> {
        let oldest = self.options.max_files - 1;
        if oldest == 0 {
            return fs::remove_file(self.dir.log());
        }
        for compressed in [false, true] {
            absent_is_fine(fs::remove_file(self.dir.rotated_log(oldest, compressed)))?;
            for age in (1..oldest).rev() {
                let path = |age| self.dir.rotated_log(age, compressed);
                absent_is_fine(fs::rename(path(age), path(age + 1)))?;
            }
        }
        fs::rename(self.dir.log(), self.dir.rotated_log(1, false))
    }

    /// Docker compresses the first rotated file. We leave that one to whoever follows the log,
    /// and compress the second.
    fn compress(&mut self) {
        let (from, to) = (self.dir.rotated_log(2, false), self.dir.rotated_log(2, true));
        self.compressing = match self.options.compress && from.exists() {
            // Without a process it stays as it is.
            true => compress::spawn(&from, &to).ok(),
            false => None,
        };
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

impl Sink for LogFile {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.batch
    }

    fn record_ended(&mut self) {
        let length = self.batch.len();
        if self.limit.is_some_and(|limit| self.size + length as u64 >= limit) {
            self.rotate();
        } else if length >= BATCH {
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Lines;
    use super::*;

    fn options(max_size: Option<u64>, max_files: usize) -> Options {
        Options { discard: false, max_size, max_files, compress: false }
    }

    fn dir(root: &tempfile::TempDir) -> ContainerDir {
        ContainerDir::new(root.path().join("data"), root.path().join("run"))
    }

    fn print(log: &mut LogFile, text: &str) {
        let mut lines = Lines::new(Stream::Stdout, String::new());
        lines.push(text.as_bytes(), Timestamp::UNIX_EPOCH, log);
        log.flush();
    }

    fn numbers(path: &std::path::Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| line[8..].split('\\').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_full_file_moves_on_and_the_oldest_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let dir = dir(&root);
        let mut log = LogFile::open(&dir, options(Some(100), 3)).unwrap();
        // Each record is 62 bytes long: two of them reach the limit.
        print(&mut log, "1\n2\n3\n4\n5\n6\n7\n");
        assert_eq!(numbers(&dir.log()), ["7"]);
        assert_eq!(numbers(&dir.rotated_log(1, false)), ["5", "6"]);
        assert_eq!(numbers(&dir.rotated_log(2, false)), ["3", "4"]);
        assert!(!dir.rotated_log(3, false).exists());
    }

    #[test]
    fn with_one_file_the_log_starts_anew() {
        let root = tempfile::tempdir().unwrap();
        let dir = dir(&root);
        let mut log = LogFile::open(&dir, options(Some(100), 1)).unwrap();
        print(&mut log, "1\n2\n3\n");
        assert_eq!(numbers(&dir.log()), ["3"]);
    }

    #[test]
    fn a_torn_record_is_ended_when_the_log_is_opened_again() {
        let root = tempfile::tempdir().unwrap();
        let dir = dir(&root);
        print(&mut LogFile::open(&dir, options(None, 1)).unwrap(), "1\n");
        File::options().append(true).open(dir.log()).unwrap().write_all(b"{\"log\":\"to").unwrap();
        print(&mut LogFile::open(&dir, options(None, 1)).unwrap(), "2\n");
        assert_eq!(numbers(&dir.log()), ["1", "to", "2"]);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_said_later() {
        let root = tempfile::tempdir().unwrap();
        let dir = dir(&root);
        let mut log = LogFile::open(&dir, options(None, 1)).unwrap();
        log.file = Some(File::options().write(true).open("/dev/full").unwrap());
        print(&mut log, "1\n");
        assert!(!log.take_changed());
        log.reopen().unwrap();
        print(&mut log, "2\n");
        assert!(log.take_changed());
        let lines = numbers(&dir.log());
        assert_eq!(lines, ["compose: the log could not be written: 62 bytes lost", "2"]);
    }
}
