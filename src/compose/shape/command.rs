//! `command`, `entrypoint` and health tests: text is split into words, as go-shellwords does.

use super::super::node::{Node, ScalarKind, Value};
use super::{Canonical, Shape, TEXTS};

/// Text becomes a list of words. Null stays: it takes back the command of an earlier file.
pub fn command(cx: &mut Canonical, node: &mut Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Sequence(_) => cx.node(node, &Shape::List(&TEXTS)),
        Value::Scalar(it) if it.kind != ScalarKind::Text => cx.wrong(node, "text or a list"),
        Value::Scalar(scalar) => {
            let text = scalar.text.clone();
            match split(&text) {
                Ok(words) => {
                    if let Some(at) = words.cut_at {
                        cut(cx, node, &text, at);
                    }
                    let span = node.span;
                    let words = words.list.into_iter().map(|word| Node::text(word).at(span));
                    node.value = Value::Sequence(words.collect());
                    true
                }
                Err(message) => {
                    let message = format!("`{}`: {message}", cx.path);
                    cx.out
                        .error("bad-command", node.span, message)
                        .hint("write the words as a list: [\"program\", \"argument\"]");
                    false
                }
            }
        }
        Value::Mapping(_) => cx.wrong(node, "text or a list"),
    }
}

/// Docker Compose drops what follows without a word; so do we, with one.
fn cut(cx: &mut Canonical, node: &Node, text: &str, at: usize) {
    let place = super::super::interpolate::locate(cx.sources, node.span, text, &(at..text.len()));
    let sign = text[at..].chars().next().unwrap_or(' ');
    let message = format!("no shell runs this command, so all from `{sign}` on is dropped");
    cx.out
        .warning("command-cut", place, message)
        .here("this is not run")
        .hint("to run it in a shell, write: [\"sh\", \"-c\", \"…\"]");
}

/// The words of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Quotes and backslashes resolved.
    pub list: Vec<String>,
    /// Byte of the sign that ended it before its end.
    pub cut_at: Option<usize>,
}

/// Splits as go-shellwords does: blanks separate; quotes group; a backslash escapes, also in
/// double quotes, and makes tab and line break of `t` and `n`; `;`, `&`, `|`, `<` and `>` end it.
pub fn split(text: &str) -> Result<Words, &'static str> {
    let mut words = Words::default();
    let (mut word, mut started) = (String::new(), false);
    let (mut single, mut double) = (false, false);
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let quoted = single || double;
        match letter {
            '\\' if !single => {
                let Some((_, escaped)) = letters.next() else {
                    return Err("a backslash ends it, and escapes nothing");
                };
                word.push(match escaped {
                    't' => '\t',
                    'n' => '\n',
                    other => other,
                });
                started = true;
            }
            '\'' if !double => (single, started) = (!single, true),
            '"' if !single => (double, started) = (!double, true),
            ' ' | '\t' | '\r' | '\n' if !quoted => {
                if started {
                    words.list.push(std::mem::take(&mut word));
                    started = false;
                }
            }
            ';' | '&' | '|' | '<' | '>' if !quoted => {
                // `2>file`: the number belongs to the redirection (go-shellwords).
                if letter == '>' && word.len() == 1 && word.bytes().all(|it| it.is_ascii_digit()) {
                    started = false;
                }
                words.cut_at = Some(at);
                break;
            }
            '(' if !quoted => return Err("it has a `(`, which only a shell understands"),
            _ => {
                word.push(letter);
                started = true;
            }
        }
    }
    if single || double {
        return Err("a quote in it is never closed");
    }
    if started {
        words.list.push(word);
    }
    Ok(words)
}

/// Text is a shell command; a list must say what it is.
pub fn health_test(cx: &mut Canonical, node: &mut Node) -> bool {
    match &node.value {
        Value::Scalar(it) if it.kind != ScalarKind::Text => cx.wrong(node, "text or a list"),
        Value::Scalar(scalar) => {
            let words = ["CMD-SHELL", &scalar.text].map(|word| Node::text(word).at(node.span));
            node.value = Value::Sequence(words.into());
            true
        }
        Value::Sequence(_) => {
            if !cx.node(node, &Shape::List(&TEXTS)) {
                return false;
            }
            let first = node.as_sequence().and_then(<[Node]>::first);
            let Some(first) = first.filter(|it| !cx.is_template(it)) else { return true };
            let word = first.as_str().unwrap_or_default().to_owned();
            if matches!(word.as_str(), "CMD" | "CMD-SHELL" | "NONE") {
                return true;
            }
            let path = cx.path.clone();
            let message = format!("`{path}` must start with `CMD`, `CMD-SHELL` or `NONE`");
            let span = first.span;
            let diagnostic = cx.out.error("bad-health-test", span, message);
            match word.to_uppercase().as_str() {
                known @ ("CMD" | "CMD-SHELL" | "NONE") => {
                    diagnostic.hint(format!("write `{known}`"))
                }
                _ => {
                    diagnostic.hint(format!("to run a program directly: [\"CMD\", \"{word}\", …]"))
                }
            };
            false
        }
        _ => cx.wrong(node, "text or a list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_docker_splits_them() {
        for (text, words) in [
            ("", vec![]),
            ("a b  c", vec!["a", "b", "c"]),
            ("a 'b c' \"d\\\"e\"f", vec!["a", "b c", "d\"ef"]),
            ("a ''", vec!["a", ""]),
            ("a\\ b \\n", vec!["a b", "\n"]),
            ("a\nb", vec!["a", "b"]),
            ("echo $HOME", vec!["echo", "$HOME"]),
        ] {
            assert_eq!(split(text).unwrap().list, words, "{text}");
        }
        let words = split("echo a && echo b").unwrap();
        assert_eq!((words.list, words.cut_at), (vec!["echo".into(), "a".into()], Some(7)));
        assert!(split("a 'b").is_err() && split("a \\").is_err() && split("a (b)").is_err());
    }
}
