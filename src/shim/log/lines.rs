//! Bytes from a stream to records: whole lines, or parts of long ones.

use jiff::Timestamp;
use memchr::{memchr, memrchr};

use crate::resource::log::Stream;

use super::encode;

/// Longest text of one record; a longer line becomes several (Docker).
const MAX_TEXT: usize = 16 * 1024;

/// More than this in one second is a flood: then one record has as many lines as fit, since what
/// surrounds the text of short lines is more than the text, and the container would wait for it.
const FLOOD: usize = 64 << 20;

/// In a flood so much is read at once that it is worth it.
const MUCH: usize = 32 * 1024;

/// A record of several lines has at least so many bytes: readers need not look for lines in others.
pub(super) const MANY_LINES: usize = 8 * 1024;

/// Where encoded records go.
pub trait Sink {
    /// Records are appended here.
    fn buffer(&mut self) -> &mut Vec<u8>;
    /// A record was appended; the buffer may be taken away now.
    fn record_ended(&mut self);
}

/// Cuts one stream of output into encoded records.
#[derive(Debug)]
pub struct Lines {
    stream: Stream,
    /// Further members of each record, each with its comma.
    attributes: String,
    /// The beginning of a line whose end has not been read yet; less than [`MAX_TEXT`].
    pending: Vec<u8>,
    /// Of the first part of a line whose parts are being written.
    first_part: Option<Timestamp>,
    /// Reused for what follows the text of records.
    tail: Vec<u8>,
    pace: Pace,
}

/// How much comes in a second.
#[derive(Debug, Default)]
struct Pace {
    /// Seconds since 1970.
    second: i64,
    /// Bytes in this second.
    bytes: usize,
    /// It was too much in the last second.
    flooded: bool,
}

impl Pace {
    /// Counts bytes, and says whether they are of a flood.
    fn is_flood(&mut self, bytes: usize, time: Timestamp) -> bool {
        let second = time.as_second();
        if second != self.second {
            self.flooded = self.bytes > FLOOD && second == self.second + 1;
            (self.second, self.bytes) = (second, 0);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.floods()
    }

    fn floods(&self) -> bool {
        self.flooded || self.bytes > FLOOD
    }
}

impl Lines {
    /// For one stream; `attributes` from [`super::Options::attributes`].
    #[must_use]
    pub fn new(stream: Stream, attributes: String) -> Lines {
        let (pending, tail) = (Vec::new(), Vec::new());
        Lines { stream, attributes, pending, first_part: None, tail, pace: Pace::default() }
    }

    /// So much came lately that more is worth waiting for after a read of `bytes`.
    #[must_use]
    pub fn wants_more(&self, bytes: usize) -> bool {
        bytes < MUCH && self.pace.floods()
    }

    /// Takes what was read at `time`.
    pub fn push(&mut self, mut bytes: &[u8], time: Timestamp, sink: &mut impl Sink) {
        encode::tail(&mut self.tail, self.stream, &self.attributes, time);
        let plain = encode::all_plain(bytes);
        if self.pace.is_flood(bytes.len(), time) && bytes.len() >= MUCH {
            bytes = self.flood(bytes, plain, time, sink);
        }
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            let whole = self.pending.is_empty() && self.first_part.is_none();
            if whole && line.len() < MAX_TEXT && plain {
                encode::plain_line(sink.buffer(), line, &self.tail);
                sink.record_ended();
            } else {
                self.end_line(line, time, sink);
            }
        }
        self.keep(bytes, time, sink);
    }

    /// Writes whole lines, many in one record; returns the rest.
    fn flood<'a>(
        &mut self,
        mut bytes: &'a [u8],
        plain: bool,
        time: Timestamp,
        sink: &mut impl Sink,
    ) -> &'a [u8] {
        if !self.pending.is_empty() || self.first_part.is_some() {
            let Some(end) = memchr(b'\n', bytes) else { return bytes };
            self.end_line(&bytes[..end], time, sink);
            bytes = &bytes[end + 1..];
        }
        while let Some(end) = memrchr(b'\n', &bytes[..bytes.len().min(MAX_TEXT)]) {
            if end < MANY_LINES {
                return bytes;
            }
            let (lines, rest) = bytes.split_at(end + 1);
            match plain {
                true => encode::plain_lines(sink.buffer(), lines, &self.tail),
                false => encode::record(sink.buffer(), &[lines], false, &self.tail),
            }
            sink.record_ended();
            bytes = rest;
        }
        bytes
    }

    /// The stream ended: what is left is a record without newline.
    pub fn end(&mut self, time: Timestamp, sink: &mut impl Sink) {
        if !self.pending.is_empty() {
            self.part(time, sink);
        }
        self.first_part = None;
        self.pending = Vec::new();
    }

    /// The end of a line that is long, or whose beginning was kept, or that needs escaping.
    fn end_line(&mut self, line: &[u8], time: Timestamp, sink: &mut impl Sink) {
        let line = self.fill(line, time, sink);
        let first = self.first_part.take();
        if let Some(first) = first {
            encode::tail(&mut self.tail, self.stream, &self.attributes, first);
        }
        encode::record(sink.buffer(), &[&self.pending, line], true, &self.tail);
        self.pending.clear();
        sink.record_ended();
        if first.is_some() {
            encode::tail(&mut self.tail, self.stream, &self.attributes, time);
        }
    }

    /// Keeps the beginning of a line for later.
    fn keep(&mut self, bytes: &[u8], time: Timestamp, sink: &mut impl Sink) {
        let rest = self.fill(bytes, time, sink);
        self.pending.extend_from_slice(rest);
    }

    /// Writes full parts until what is pending and the rest together are less than one.
    fn fill<'a>(&mut self, mut bytes: &'a [u8], time: Timestamp, sink: &mut impl Sink) -> &'a [u8] {
        while self.pending.len() + bytes.len() >= MAX_TEXT {
            let (head, rest) = bytes.split_at(MAX_TEXT - self.pending.len());
            self.pending.extend_from_slice(head);
            bytes = rest;
            self.part(time, sink);
        }
        bytes
    }

    /// Writes what is pending as a part of a line; all parts bear the time of the first.
    fn part(&mut self, time: Timestamp, sink: &mut impl Sink) {
        let first = *self.first_part.get_or_insert(time);
        encode::tail(&mut self.tail, self.stream, &self.attributes, first);
        encode::record(sink.buffer(), &[&self.pending], false, &self.tail);
        self.pending.clear();
        sink.record_ended();
        encode::tail(&mut self.tail, self.stream, &self.attributes, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Lines {
        /// Whatever comes in this second is of a flood.
        pub(in crate::shim::log) fn flooded(mut self, second: i64) -> Lines {
            self.pace = Pace { second, bytes: FLOOD, flooded: true };
            self
        }
    }

    impl Sink for Vec<u8> {
        fn buffer(&mut self) -> &mut Vec<u8> {
            self
        }

        fn record_ended(&mut self) {}
    }

    /// The texts of all records, decoded, with their seconds.
    fn records(reads: &[(&[u8], i64)]) -> Vec<(String, i64)> {
        records_of(&mut Lines::new(Stream::Stdout, String::new()), reads)
    }

    fn records_of(lines: &mut Lines, reads: &[(&[u8], i64)]) -> Vec<(String, i64)> {
        let mut out = Vec::new();
        for (bytes, second) in reads {
            let time = Timestamp::from_second(*second).unwrap();
            lines.push(bytes, time, &mut out);
        }
        lines.end(Timestamp::from_second(99).unwrap(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let record = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let time: Timestamp = value["time"].as_str().unwrap().parse().unwrap();
            (value["log"].as_str().unwrap().to_owned(), time.as_second())
        };
        text.lines().map(record).collect()
    }

    #[test]
    fn a_line_is_a_record_and_the_unterminated_last_one_is_kept() {
        let found = records(&[(b"one\ntw", 1), (b"o\n\nthr", 2), (b"ee", 3)]);
        let expected = [("one\n", 1), ("two\n", 2), ("\n", 2), ("three", 99)];
        assert_eq!(found, expected.map(|(text, time)| (text.to_owned(), time)));
    }

    #[test]
    fn a_long_line_becomes_parts_that_share_the_first_ones_time() {
        let long = vec![b'x'; MAX_TEXT + 5];
        let found = records(&[(&long, 1), (b"end\nnext\n", 2)]);
        let lengths: Vec<(usize, i64)> =
            found.iter().map(|(text, time)| (text.len(), *time)).collect();
        assert_eq!(lengths, [(MAX_TEXT, 1), (9, 1), (5, 2)]);
        assert!(found[1].0.ends_with("xend\n"));
    }

    #[test]
    fn a_line_of_exactly_one_part_ends_with_a_lone_newline() {
        let mut line = vec![b'<'; MAX_TEXT];
        line.push(b'\n');
        let lengths: Vec<usize> =
            records(&[(&line, 1)]).iter().map(|(text, _)| text.len()).collect();
        assert_eq!(lengths, [MAX_TEXT, 1]);
    }

    #[test]
    fn a_burst_of_short_lines_has_one_in_a_record() {
        let text = "line\n".repeat(1_000_000);
        assert_eq!(records(&[(text.as_bytes(), 1)]).len(), 1_000_000);
    }

    #[test]
    fn a_flood_of_short_lines_has_many_in_a_record_and_loses_none() {
        let line = |number: usize| match number % 3 {
            0 => format!("line {number} \"quoted\" \\n\n"),
            _ => format!("line {number}\n"),
        };
        let text: String = (0..20_000).map(line).collect();
        for text in [text.replace(['"', '\\'], ""), text] {
            let mut lines = Lines::new(Stream::Stdout, String::new()).flooded(1);
            let (begin, rest) = text.split_at(7);
            let found =
                records_of(&mut lines, &[(begin.as_bytes(), 1), (rest.as_bytes(), 2), (b"end", 3)]);
            assert!(found.len() < 800, "{}", found.len());
            let all: String = found.iter().map(|(text, _)| text.as_str()).collect();
            assert_eq!(all, text + "end");
            assert!(found.iter().all(|(text, _)| text.len() <= MAX_TEXT));
        }
    }

    #[test]
    fn a_flood_is_over_after_a_second_with_less() {
        let mut pace = Pace::default();
        let mut at = |bytes, second| pace.is_flood(bytes, Timestamp::from_second(second).unwrap());
        assert!(!at(FLOOD, 1));
        assert!(at(1, 1));
        assert!(at(FLOOD, 2));
        assert!(!at(1, 3));
        assert!(at(FLOOD, 3));
        assert!(!at(1, 5));
    }
}
