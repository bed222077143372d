//! Records to text: Docker's escaping, fast where nothing needs it.

use std::io::Write;

use jiff::Timestamp;

use crate::resource::log::Stream;

/// Appends `{"log":"…","stream":…,"time":…}` and a newline; `tail` comes from [`tail`].
pub(super) fn record(out: &mut Vec<u8>, text: &[&[u8]], newline: bool, tail: &[u8]) {
    out.extend_from_slice(b"{\"log\":\"");
    for piece in text {
        escape(out, piece);
    }
    if newline {
        out.extend_from_slice(b"\\n");
    }
    out.extend_from_slice(tail);
}

/// As [`record`], for one line of text in which nothing needs escaping.
pub(super) fn plain_line(out: &mut Vec<u8>, text: &[u8], tail: &[u8]) {
    out.extend_from_slice(b"{\"log\":\"");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\\n");
    out.extend_from_slice(tail);
}

/// As [`record`], for several whole lines in which nothing but their ends needs escaping.
pub(super) fn plain_lines(out: &mut Vec<u8>, text: &[u8], tail: &[u8]) {
    out.extend_from_slice(b"{\"log\":\"");
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', text) {
        out.extend_from_slice(&text[from..end]);
        out.extend_from_slice(b"\\n");
        from = end + 1;
    }
    out.extend_from_slice(tail);
}

/// What follows a record's text: the same for all records of one read.
pub(super) fn tail(out: &mut Vec<u8>, stream: Stream, attributes: &str, time: Timestamp) {
    let stream = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    out.clear();
    // Writing to memory does not fail.
    let _ = writeln!(out, "\",\"stream\":\"{stream}\",{attributes}\"time\":\"{time}\"}}");
}

/// Whether `byte` stands for itself. Docker escapes what is special in HTML, too.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte < 0x80 && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

/// Whether no byte but the newline needs escaping. Without branches, for the vector unit.
pub(super) fn all_plain(text: &[u8]) -> bool {
    text.chunks(64).all(|chunk| {
        chunk.iter().fold(true, |plain, &byte| plain & (is_plain(byte) | (byte == b'\n')))
    })
}

/// Appends `text` as the inside of a JSON string; what is not UTF-8 becomes `\ufffd`.
fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    while !text.is_empty() {
        let plain = text.iter().position(|&byte| !is_plain(byte)).unwrap_or(text.len());
        let (run, rest) = text.split_at(plain);
        out.extend_from_slice(run);
        let Some(&byte) = rest.first() else { return };
        if byte < 0x80 {
            ascii(out, byte);
            text = &rest[1..];
        } else {
            let end = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
            unicode(out, &rest[..end]);
            text = &rest[end..];
        }
    }
}

fn ascii(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        _ => {
            let digits = b"0123456789abcdef";
            let (high, low) = (digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

/// A run without ASCII. U+2028 and U+2029 end lines in JavaScript, so Docker escapes them.
fn unicode(out: &mut Vec<u8>, run: &[u8]) {
    for chunk in run.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            let escaped: &[u8] =
                if rest[at..].starts_with('\u{2028}') { b"\\u2028" } else { b"\\u2029" };
            out.extend_from_slice(escaped);
            rest = &rest[at + '\u{2028}'.len_utf8()..];
        }
        out.extend_from_slice(rest.as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &[u8]) -> String {
        let (mut out, mut end) = (Vec::new(), Vec::new());
        tail(&mut end, Stream::Stderr, "", Timestamp::from_nanosecond(1_500_000_000).unwrap());
        record(&mut out, &[text], true, &end);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_one_line_of_json_as_docker_writes_it() {
        assert_eq!(
            encoded(b"hello"),
            "{\"log\":\"hello\\n\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:01.5Z\"}\n"
        );
    }

    #[test]
    fn html_control_characters_and_what_is_not_utf8_are_escaped() {
        let text = |bytes: &[u8]| encoded(bytes)[8..].split("\\n\"").next().unwrap().to_owned();
        assert_eq!(text(b"<a href=\"x\">&\\"), r#"\u003ca href=\"x\"\u003e\u0026\\"#);
        assert_eq!(text(b"\t\x1b[1m\r\x7f"), "\\u0009\\u001b[1m\\r\x7f");
        assert_eq!(text("äö\u{2028}€".as_bytes()), "äö\\u2028€");
        assert_eq!(text(b"a\xff\xc3(\xe2\x82"), "a\\ufffd\\ufffd(\\ufffd\\ufffd");
    }

    #[test]
    fn plain_text_is_recognised() {
        assert!(all_plain(b"GET /index.html 200\nnext\n"));
        assert!(!all_plain(b"\"quoted\""));
        assert!(!all_plain("ä".as_bytes()));
    }
}
