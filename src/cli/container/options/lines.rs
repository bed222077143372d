//! Files of variables and labels (`--env-file`, `--label-file`): lines as they are, no quotes.

use std::path::Path;

use crate::base::{Context as _, Error, Kind, Result};
use crate::engine::read_text_bounded;

/// One line of such a file: a name, and what stands behind its `=`; `None`: there is no `=`.
pub type Line = (String, Option<String>);

/// No file of variables or labels is larger.
const MOST_BYTES: u64 = 32 << 20;

/// Reads a file.
///
/// # Errors
/// It cannot be read, or a line has no name or blanks in it.
pub fn read(path: &Path) -> Result<Vec<Line>> {
    let text =
        read_text_bounded(path, MOST_BYTES).context(|| format!("open {}", path.display()))?;
    parse(&text).context(|| format!("invalid file {}", path.display()))
}

/// Lines without those that are empty or begin with `#` (Docker: kvfile).
fn parse(text: &str) -> Result<Vec<Line>> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(line).collect()
}

fn line(text: &str) -> Result<Line> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text.trim_end(), None),
    };
    if name.is_empty() {
        return Err(Error::new(Kind::Invalid, format!("no variable name on line '{text}'")));
    }
    if name.contains(char::is_whitespace) {
        return Err(Error::new(Kind::Invalid, format!("variable '{name}' contains whitespaces")));
    }
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_they_are() {
        let lines = parse("# a comment\n\n  A=1\nB=\"x\" # no comment\nC\nD=\n").unwrap();
        let value = |text: &str| Some(text.to_owned());
        let expected =
            [("A", value("1")), ("B", value("\"x\" # no comment")), ("C", None), ("D", value(""))];
        assert_eq!(lines, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn a_line_needs_a_name() {
        assert_eq!(parse("=x").unwrap_err().to_string(), "no variable name on line '=x'");
        assert!(parse("a b=x").unwrap_err().to_string().contains("contains whitespaces"));
    }
}
