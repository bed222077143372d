//! Single values: their kind, their range, and one way to write each.

use crate::base::{Bytes, duration};

use super::super::node::{Node, Scalar, ScalarKind, Tag, Value};
use super::super::yaml::{parse_int, sprint};
use super::{Canonical, Digits, Shape};

/// Checks a single value and writes it the one way that binding reads.
pub fn scalar(cx: &mut Canonical, node: &mut Node, shape: &Shape) -> bool {
    let Value::Scalar(value) = &node.value else {
        return match (&node.value, shape) {
            (Value::Null, Shape::TextOrNull) => true,
            (Value::Null, Shape::Option) => {
                set(node, String::new(), ScalarKind::Text);
                true
            }
            (Value::Mapping(_), Shape::Ulimit) => ulimit(cx, node),
            (Value::Mapping(_), Shape::External) => {
                cx.node(node, &Shape::Fields(&super::resource::EXTERNAL))
            }
            _ => cx.wrong(node, expected(shape)),
        };
    };
    let value = value.clone();
    match shape {
        Shape::Text | Shape::TextOrNull => text(cx, node, &value),
        Shape::TextOrNumber if value.kind == ScalarKind::Bool => cx.wrong(node, expected(shape)),
        Shape::TextOrBool if matches!(value.kind, ScalarKind::Int | ScalarKind::Float) => {
            cx.wrong(node, expected(shape))
        }
        Shape::TextOrNumber | Shape::TextOrBool | Shape::Option => {
            set(node, sprint(&value), ScalarKind::Text);
            true
        }
        Shape::Parsed(_) if value.kind != ScalarKind::Text => cx.wrong(node, "text"),
        // An empty text, as of a variable without a value, says nothing.
        Shape::Parsed(_) | Shape::ParsedNumber(_) if value.text.is_empty() => {
            (node.value, node.tag) = (Value::Null, Some(Tag::Reset));
            true
        }
        Shape::Parsed(check) | Shape::ParsedNumber(check) => {
            let printed = sprint(&value);
            match check(&printed) {
                Ok(()) => set(node, printed, ScalarKind::Text),
                Err(error) => return cx.bad(node, &error),
            }
            true
        }
        Shape::Word(words) => word(cx, node, &value, words),
        Shape::Bool | Shape::External => boolean(cx, node, &value),
        Shape::Int(least, most) => whole(cx, node, &value, *least, *most),
        Shape::Number => real(cx, node, &value),
        Shape::Count => count(cx, node, &value),
        Shape::SizeText if value.kind != ScalarKind::Text => cx.wrong(node, "text such as 512m"),
        Shape::WholeSize if value.kind == ScalarKind::Float => {
            cx.wrong(node, "a whole number or a size such as 512m")
        }
        Shape::Size | Shape::WholeSize | Shape::SizeText => size(cx, node, &value),
        Shape::Duration => span_of_time(cx, node, &value),
        Shape::Mode(digits) => mode(cx, node, &value, *digits),
        Shape::Ulimit => {
            let right = whole(cx, node, &value, -1, i64::MAX);
            if right {
                let single = std::mem::take(node);
                let (span, tag) = (single.span, single.tag);
                *node = super::canonical::mapping([("single", single)]);
                *node = super::canonical::placed(std::mem::take(node), span);
                node.tag = tag;
            }
            right
        }
        _ => true,
    }
}

/// What a shape is called in a message.
pub(super) fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Fields(_) | Shape::FieldsOrNull(_) | Shape::Short(..) => "a mapping",
        Shape::Map(map) if map.listed.is_none() => "a mapping",
        Shape::Map(_) | Shape::Pairs(_) | Shape::Hosts => "a mapping or a list",
        Shape::List(list) if list.alone => "text or a list",
        Shape::List(_) | Shape::Items(_) => "a list",
        Shape::TextOrNumber => "text or a number",
        Shape::TextOrBool => "text or a boolean",
        Shape::Option => "a single value",
        Shape::Bool | Shape::External => "true or false",
        Shape::ParsedNumber(_) => "text or a number",
        Shape::Int(..) => "a whole number",
        Shape::Number => "a number",
        Shape::Count => "a number or `all`",
        Shape::Size | Shape::WholeSize => "a size such as 512m",
        Shape::SizeText => "text such as 512m",
        Shape::Duration => "text such as 30s",
        Shape::Mode(_) => "permissions such as 0444",
        Shape::Ulimit => "a number, or a mapping with `soft` and `hard`",
        _ => "text",
    }
}

/// Reports an empty text, which is mostly what is left of a variable; always false.
fn empty(cx: &mut Canonical, node: &Node, expected: &str) -> bool {
    let message = format!("`{}` must be {expected}, and is empty", cx.path);
    cx.out
        .error("wrong-type", node.span, message)
        .hint("if it comes from a variable, give it a default: ${NAME:-…}");
    false
}

fn set(node: &mut Node, text: String, kind: ScalarKind) {
    node.value = Value::Scalar(Scalar { text, kind });
}

fn text(cx: &mut Canonical, node: &Node, value: &Scalar) -> bool {
    value.kind == ScalarKind::Text || cx.wrong(node, "text")
}

fn word(cx: &mut Canonical, node: &Node, value: &Scalar, words: &[&'static str]) -> bool {
    if words.contains(&value.text.as_str()) {
        return true;
    }
    let known = crate::diag::list(words.iter().copied());
    let message = format!("`{}` cannot be `{}`", cx.path, value.text);
    cx.out
        .error("bad-value", node.span, message)
        .suggest(&value.text, words.iter().copied())
        .note(format!("it can be {known}"));
    false
}

/// YAML 1.2 knows `true` and `false` only; Compose lets a few more words pass, with a warning.
fn boolean(cx: &mut Canonical, node: &mut Node, value: &Scalar) -> bool {
    let lower = value.text.to_ascii_lowercase();
    let meant = match (value.kind, lower.as_str()) {
        (ScalarKind::Bool | ScalarKind::Text, "true" | "false") => lower == "true",
        (ScalarKind::Text, word @ ("y" | "yes" | "on" | "n" | "no" | "off")) => {
            let meant = matches!(word, "y" | "yes" | "on");
            let message =
                format!("`{}` is text in YAML 1.2, and is taken for {meant} here", value.text);
            cx.out.warning("old-boolean", node.span, message).hint(format!("write `{meant}`"));
            meant
        }
        (ScalarKind::Text, _) => {
            let message = match value.text.is_empty() {
                true => format!("`{}` must be true or false, and is empty", cx.path),
                false => format!("`{}` must be true or false, not `{}`", cx.path, value.text),
            };
            cx.out.error("wrong-type", node.span, message);
            return false;
        }
        _ => return cx.wrong(node, "true or false"),
    };
    set(node, meant.to_string(), ScalarKind::Bool);
    true
}

fn whole(cx: &mut Canonical, node: &mut Node, value: &Scalar, least: i64, most: i64) -> bool {
    let number = match value.kind {
        ScalarKind::Int => parse_int(&value.text),
        // What came from a variable is decimal.
        ScalarKind::Text => value.text.parse::<i64>().ok().map(i128::from),
        ScalarKind::Float => {
            let number = value.text.parse::<f64>().ok();
            number.filter(|number| number.fract() == 0.0).map(|number| number as i128)
        }
        _ => None,
    };
    let Some(number) = number else {
        return match value.text.is_empty() {
            true => {
                let message = format!("`{}` must be a whole number, and is empty", cx.path);
                cx.out
                    .error("wrong-type", node.span, message)
                    .hint("if it comes from a variable, give it a default: ${NAME:-1}");
                false
            }
            false => {
                let message = format!("`{}` must be a whole number, not `{}`", cx.path, value.text);
                cx.out.error("wrong-type", node.span, message);
                false
            }
        };
    };
    if number < i128::from(least) || number > i128::from(most) {
        let message = match most {
            i64::MAX => format!("`{}` must be at least {least}, not {number}", cx.path),
            _ => format!("`{}` must be from {least} to {most}, not {number}", cx.path),
        };
        cx.out.error("out-of-range", node.span, message);
        return false;
    }
    set(node, number.to_string(), ScalarKind::Int);
    true
}

fn real(cx: &mut Canonical, node: &mut Node, value: &Scalar) -> bool {
    let text = match value.kind {
        ScalarKind::Text => value.text.clone(),
        _ => sprint(value),
    };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => {
            set(node, text, ScalarKind::Float);
            true
        }
        _ => {
            let message = format!("`{}` must be a number, not `{}`", cx.path, value.text);
            cx.out.error("wrong-type", node.span, message);
            false
        }
    }
}

fn count(cx: &mut Canonical, node: &mut Node, value: &Scalar) -> bool {
    if value.text.eq_ignore_ascii_case("all") || value.text == "-1" {
        set(node, "all".to_owned(), ScalarKind::Text);
        return true;
    }
    if value.kind == ScalarKind::Text && value.text.parse::<u32>().is_err() {
        let message = format!("`{}` must be a number or `all`, not `{}`", cx.path, value.text);
        cx.out.error("wrong-type", node.span, message);
        return false;
    }
    whole(cx, node, value, 0, i64::from(u32::MAX))
}

fn size(cx: &mut Canonical, node: &mut Node, value: &Scalar) -> bool {
    let text = match value.kind {
        ScalarKind::Bool | ScalarKind::Date => return cx.wrong(node, "a size such as 512m"),
        _ => sprint(value),
    };
    // Memory and swap together can be unlimited; elsewhere no limit is 0.
    if text == "-1" {
        let unlimited = if cx.path.ends_with("memswap_limit") { "-1" } else { "0" };
        set(node, unlimited.to_owned(), ScalarKind::Text);
        return true;
    }
    if text.is_empty() {
        return empty(cx, node, "a size such as 512m");
    }
    match text.parse::<Bytes>() {
        Ok(bytes) => {
            set(node, bytes.to_string(), ScalarKind::Text);
            true
        }
        Err(error) => cx.bad(node, &error),
    }
}

fn span_of_time(cx: &mut Canonical, node: &mut Node, value: &Scalar) -> bool {
    if matches!(value.kind, ScalarKind::Int | ScalarKind::Float) {
        let message = format!("`{}` needs a unit, as in 30s", cx.path);
        let hint = format!("for seconds write {}s", value.text);
        cx.out.error("wrong-type", node.span, message).hint(hint);
        return false;
    }
    if value.kind != ScalarKind::Text {
        return cx.wrong(node, "text such as 30s");
    }
    if value.text.is_empty() {
        return empty(cx, node, "a duration such as 30s");
    }
    match duration::parse(&value.text) {
        Ok(span) => {
            set(node, duration::print(span), ScalarKind::Text);
            true
        }
        Err(error) => cx.bad(node, &error),
    }
}

/// Octal digits in text; a YAML number is its value, so that `0444` is octal and `444` is not.
fn mode(cx: &mut Canonical, node: &mut Node, value: &Scalar, digits: Digits) -> bool {
    let number = match value.kind {
        ScalarKind::Int => parse_int(&value.text).and_then(|it| u32::try_from(it).ok()),
        ScalarKind::Text => {
            let bare = value.text.strip_prefix("0o").unwrap_or(&value.text);
            u32::from_str_radix(bare, 8).ok()
        }
        _ => None,
    };
    let Some(number) = number.filter(|number| *number <= 0o7777) else {
        let message =
            format!("`{}` must be permissions such as 0444, not `{}`", cx.path, value.text);
        cx.out.error("bad-value", node.span, message);
        return false;
    };
    let octal_looking = |text: &str| {
        text.len() == 3
            && !text.starts_with('0')
            && text.bytes().all(|it| (b'0'..=b'7').contains(&it))
    };
    if value.kind == ScalarKind::Int && octal_looking(&value.text) {
        let message = format!("`{}` is a decimal number, and means {number:#o}", value.text);
        cx.out
            .warning("decimal-mode", node.span, message)
            .hint(format!("write 0{} for octal permissions", value.text));
    }
    match digits {
        Digits::Octal => set(node, format!("{number:o}"), ScalarKind::Text),
        Digits::Decimal => set(node, number.to_string(), ScalarKind::Int),
    }
    true
}

fn ulimit(cx: &mut Canonical, node: &mut Node) -> bool {
    cx.node(node, &Shape::Fields(&super::service::ULIMIT))
}
