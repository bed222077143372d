//! Text to records: our own writing fast, anyone's writing correctly.

use jiff::Timestamp;
use serde::Deserialize;

use crate::resource::log::{LogRecord, Stream};

use super::lines::MANY_LINES;

/// Decodes lines, remembering the time that many have in common.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    text: Vec<u8>,
    time: Option<Timestamp>,
}

impl Decoder {
    /// The record in one line of the file; `None` for a torn one.
    pub(super) fn record(&mut self, line: &[u8]) -> Option<LogRecord> {
        self.ours(line).or_else(|| any(line))
    }

    /// As our shim writes it: text, stream, perhaps attributes, time.
    fn ours(&mut self, line: &[u8]) -> Option<LogRecord> {
        let rest = line.strip_prefix(b"{\"log\":\"")?;
        let end = end_of_string(rest)?;
        let (text, rest) = (&rest[..end], &rest[end..]);
        let rest = rest.strip_prefix(b"\",\"stream\":\"std")?;
        let (stream, rest) = match rest {
            [b'o', b'u', b't', b'"', b',', rest @ ..] => (Stream::Stdout, rest),
            [b'e', b'r', b'r', b'"', b',', rest @ ..] => (Stream::Stderr, rest),
            _ => return None,
        };
        let time = rest.strip_prefix(b"\"time\":\"")?.strip_suffix(b"\"}")?;
        Some(LogRecord { stream, time: self.time(time)?, text: unescape(text)? })
    }

    fn time(&mut self, text: &[u8]) -> Option<Timestamp> {
        if self.time.is_none() || self.text != text {
            self.time = Some(std::str::from_utf8(text).ok()?.parse().ok()?);
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        self.time
    }
}

/// How many lines a record has, given as its line of the file: one, unless it is of a flood.
pub(super) fn lines_of(record: &[u8]) -> usize {
    if record.len() < MANY_LINES {
        return 1;
    }
    let is_newline = |at: &usize| {
        let before = record[..*at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        before % 2 == 0
    };
    memchr::memmem::find_iter(record, b"\\n").filter(is_newline).count().max(1)
}

/// Where the string that `text` begins with ends.
fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + memchr::memchr(b'"', &text[from..])?;
        let backslashes = text[..quote].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(quote);
        }
        from = quote + 1;
    }
}

/// The inside of a JSON string as bytes; `None` for escapes that our shim does not write.
fn unescape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    while let Some(at) = memchr::memchr(b'\\', text) {
        out.extend_from_slice(&text[..at]);
        text = match &text[at + 1..] {
            [b'n', rest @ ..] => push(&mut out, b'\n', rest),
            [b'r', rest @ ..] => push(&mut out, b'\r', rest),
            [b't', rest @ ..] => push(&mut out, b'\t', rest),
            [byte @ (b'"' | b'\\' | b'/'), rest @ ..] => push(&mut out, *byte, rest),
            [b'u', digits @ ..] => {
                let (digits, rest) = digits.split_at_checked(4)?;
                let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                let letter = char::from_u32(code)?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest
            }
            _ => return None,
        };
    }
    out.extend_from_slice(text);
    Some(out)
}

fn push<'a>(out: &mut Vec<u8>, byte: u8, rest: &'a [u8]) -> &'a [u8] {
    out.push(byte);
    rest
}

/// Any line in Docker's format.
fn any(line: &[u8]) -> Option<LogRecord> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        log: std::borrow::Cow<'a, str>,
        stream: Stream,
        time: Timestamp,
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(LogRecord {
        stream: line.stream,
        time: line.time,
        text: line.log.into_owned().into_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded() {
        let time: Timestamp = "2026-11-21T07:00:00.123456789Z".parse().unwrap();
        let text = "a\"b\\<>&\t\r\u{1b}ä\u{2028}€".as_bytes();
        let (mut line, mut tail) = (Vec::new(), Vec::new());
        encode::tail(&mut tail, Stream::Stderr, "", time);
        encode::record(&mut line, &[text], true, &tail);
        line.pop();
        let record = Decoder::default().record(&line).unwrap();
        assert_eq!((record.stream, record.time), (Stream::Stderr, time));
        assert_eq!(record.text, [text, b"\n"].concat());
    }

    #[test]
    fn other_writers_lines_are_read_and_torn_ones_are_not() {
        let line = br#"{"time":"2026-11-21T07:00:00Z", "attrs":{"a":"b"}, "stream":"stdout", "log":"\ud83d\ude00\b\n"}"#;
        assert_eq!(Decoder::default().record(line).unwrap().text, "😀\u{8}\n".as_bytes());
        let ours =
            br#"{"log":"x\\","stream":"stdout","attrs":{"a":"b"},"time":"2026-11-21T07:00:00Z"}"#;
        assert_eq!(Decoder::default().record(ours).unwrap().text, b"x\\");
        assert_eq!(Decoder::default().record(br#"{"log":"to"#), None);
    }
}
