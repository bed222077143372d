//! Lines of several containers in one stream, each with its container's name in front.

use std::io::Write as _;

use jiff::Timestamp;

use crate::cli::ui::colour::Colour;
use crate::engine::Stream;

/// Which container a line is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceId(usize);

/// What is put in front of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixOptions {
    /// Names in colour.
    pub colour: bool,
    /// Names at all.
    pub names: bool,
    /// The time each line was printed.
    pub times: bool,
}

/// Puts `web-1  | ` in front of lines.
///
/// Lines are kept whole: what comes without a newline waits for the rest. All it does for a line is
/// to look for its end and copy it, twice a byte.
#[derive(Debug)]
pub struct Prefixer {
    options: PrefixOptions,
    sources: Vec<Source>,
    /// How many sources have printed, which decides on colours.
    coloured: usize,
}

#[derive(Debug)]
struct Source {
    name: String,
    colour: Option<Colour>,
    prefix: Vec<u8>,
    /// Unfinished lines of standard output and standard error.
    partial: [Vec<u8>; 2],
}

/// Longer lines are broken here, so that a program without newlines cannot fill our memory.
const LONGEST_LINE: usize = 1 << 20;

impl Prefixer {
    /// Without any sources yet.
    #[must_use]
    pub fn new(options: PrefixOptions) -> Prefixer {
        Prefixer { options, sources: Vec::new(), coloured: 0 }
    }

    /// The source with this name; from now on there is room for it.
    pub fn source(&mut self, name: &str) -> SourceId {
        if let Some(index) = self.sources.iter().position(|source| source.name == name) {
            return SourceId(index);
        }
        self.sources.push(Source {
            name: name.to_owned(),
            colour: None,
            prefix: Vec::new(),
            partial: Default::default(),
        });
        self.lay_out();
        SourceId(self.sources.len() - 1)
    }

    /// Appends what `source` printed at `time` to `out`, with prefixes.
    pub fn write(
        &mut self,
        source: SourceId,
        stream: Stream,
        time: Timestamp,
        text: &[u8],
        out: &mut Vec<u8>,
    ) {
        if text.is_empty() {
            return;
        }
        self.colour(source);
        let mut stamp = Vec::new();
        if self.options.times {
            // Writing to a vector cannot fail.
            let _ = write!(stamp, "{time:.9} ");
        }
        let Source { prefix, partial, .. } = &mut self.sources[source.0];
        let partial = &mut partial[usize::from(stream == Stream::Stderr)];
        let mut rest = text;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if partial.is_empty() {
                out.extend_from_slice(prefix);
                out.extend_from_slice(&stamp);
            } else {
                out.append(partial);
            }
            out.extend_from_slice(&rest[..=end]);
            rest = &rest[end + 1..];
        }
        if rest.is_empty() {
            return;
        }
        if partial.is_empty() {
            partial.extend_from_slice(prefix);
            partial.extend_from_slice(&stamp);
        }
        partial.extend_from_slice(rest);
        if partial.len() > LONGEST_LINE {
            out.append(partial);
            out.push(b'\n');
        }
    }

    /// Appends a line of our own about `source`, in its colour.
    pub fn note(&mut self, source: SourceId, text: &str, out: &mut Vec<u8>) {
        self.colour(source);
        let Source { name, colour, .. } = &self.sources[source.0];
        let line = format!("{name} {text}");
        let on = self.options.colour;
        let line = colour.map_or(line.clone(), |colour| colour.paint(&line, on));
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }

    /// Appends what `source` printed last to `stream`, if it did not end its line.
    pub fn finish(&mut self, source: SourceId, stream: Stream, out: &mut Vec<u8>) {
        let partial = &mut self.sources[source.0].partial[usize::from(stream == Stream::Stderr)];
        if !partial.is_empty() {
            out.append(partial);
            out.push(b'\n');
        }
    }

    /// Gives a source its colour when it first prints.
    fn colour(&mut self, source: SourceId) {
        let source = &mut self.sources[source.0];
        if source.colour.is_some() {
            return;
        }
        source.colour = Some(Colour::PREFIXES[self.coloured % Colour::PREFIXES.len()]);
        self.coloured += 1;
        self.lay_out();
    }

    /// All names as wide as the longest.
    fn lay_out(&mut self) {
        if !self.options.names {
            return;
        }
        let width = self.sources.iter().map(|source| source.name.len()).max().unwrap_or(0) + 1;
        for source in &mut self.sources {
            let text = format!("{:width$} | ", source.name);
            let on = self.options.colour;
            let text = source.colour.map_or(text.clone(), |colour| colour.paint(&text, on));
            source.prefix = text.into_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: PrefixOptions = PrefixOptions { colour: false, names: true, times: false };

    fn text(options: PrefixOptions, pieces: &[(&str, &str)]) -> String {
        let mut prefixer = Prefixer::new(options);
        let ids: Vec<_> = pieces.iter().map(|(name, _)| prefixer.source(name)).collect();
        let mut out = Vec::new();
        for (id, (_, piece)) in ids.into_iter().zip(pieces) {
            prefixer.write(id, Stream::Stdout, Timestamp::UNIX_EPOCH, piece.as_bytes(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_as_wide_as_the_longest() {
        assert_eq!(
            text(PLAIN, &[("web-1", "hello\nworld\n"), ("db-master-1", "ready\n")]),
            "web-1        | hello\nweb-1        | world\ndb-master-1  | ready\n"
        );
    }

    #[test]
    fn a_line_stays_whole_when_others_print_in_between() {
        assert_eq!(
            text(PLAIN, &[("a", "one "), ("b", "two\n"), ("a", "line\n")]),
            "b  | two\na  | one line\n"
        );
    }

    #[test]
    fn colours_come_in_order_of_first_output() {
        let options = PrefixOptions { colour: true, ..PLAIN };
        assert_eq!(text(options, &[("a", ""), ("b", "x\n")]), "\x1b[36mb  | \x1b[0mx\n",);
    }

    #[test]
    fn without_names_and_with_times() {
        let options = PrefixOptions { colour: true, names: false, times: true };
        assert_eq!(text(options, &[("a", "x\n")]), "1970-01-01T00:00:00.000000000Z x\n");
    }

    #[test]
    fn what_was_left_open_is_ended_before_a_note() {
        let mut prefixer = Prefixer::new(PLAIN);
        let mut out = Vec::new();
        let web = prefixer.source("web-1");
        prefixer.write(web, Stream::Stderr, Timestamp::UNIX_EPOCH, b"no newline", &mut out);
        prefixer.finish(web, Stream::Stderr, &mut out);
        prefixer.note(web, "exited with code 0", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "web-1  | no newline\nweb-1 exited with code 0\n"
        );
    }
}
