//! `${VARIABLE:-default}`: the small language inside of values (Spec: 12-interpolation.md).

use std::ops::Range;

/// A value with variables, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Text and variables in order.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is, `$$` already one `$`.
    Text(String),
    /// A variable, and the bytes of the template that name it.
    Variable(Variable, Range<usize>),
}

/// A variable, and what to do when it has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What comes after the name; `None`: an empty text where it is unset.
    pub fallback: Option<Fallback>,
}

/// `-`, `?` or `+`, and what comes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// What it does.
    pub kind: FallbackKind,
    /// With a colon: an empty value counts as unset.
    pub empty_is_unset: bool,
    /// The default, message or replacement.
    pub then: Template,
}

/// What a variable's operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackKind {
    /// `-`: a default where it is unset.
    Default,
    /// `?`: an error where it is unset.
    Required,
    /// `+`: a replacement where it is set, else nothing.
    Replace,
}

/// Why a text is no template, and the bytes that say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A sentence without its end.
    pub message: &'static str,
    /// Where.
    pub at: Range<usize>,
}

/// What a template asks for while it is evaluated.
pub trait Lookup {
    /// The value of a variable.
    fn get(&self, name: &str) -> Option<String>;
    /// A variable without a value and without a default was used; bytes of the outermost template.
    fn unset(&mut self, name: &str, at: Range<usize>);
    /// A required variable has no value.
    fn missing(&mut self, name: &str, message: &str, at: Range<usize>);
    /// So many bytes are about to be put in a variable's place. False: that is too much.
    fn spend(&mut self, bytes: usize) -> bool;
}

/// How many bytes values of variables may add to all that is loaded: variables that name each other
/// double a text with every line.
pub const MAX_EXPANDED: usize = 32 << 20;

impl Template {
    /// Parses a value.
    ///
    /// # Errors
    /// The first place that begins like a variable and is none.
    pub fn parse(text: &str) -> Result<Template, Mistake> {
        parse(text, 0, 0)
    }

    /// The value with its variables replaced.
    pub fn evaluate(&self, lookup: &mut dyn Lookup) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Variable(variable, at) => {
                    let value = variable.evaluate(lookup, at);
                    if !lookup.spend(value.len()) {
                        break;
                    }
                    out += &value;
                }
            }
        }
        out
    }

    /// Calls `see` with every variable, those in defaults included.
    pub fn variables<'a>(&'a self, see: &mut dyn FnMut(&'a Variable)) {
        for part in &self.parts {
            if let Part::Variable(variable, _) = part {
                see(variable);
                if let Some(fallback) = &variable.fallback {
                    fallback.then.variables(see);
                }
            }
        }
    }
}

impl Variable {
    fn evaluate(&self, lookup: &mut dyn Lookup, at: &Range<usize>) -> String {
        let value = lookup.get(&self.name);
        let Some(fallback) = &self.fallback else {
            return value.unwrap_or_else(|| {
                lookup.unset(&self.name, at.clone());
                String::new()
            });
        };
        let value = value.filter(|value| !(fallback.empty_is_unset && value.is_empty()));
        match (fallback.kind, value) {
            (FallbackKind::Default | FallbackKind::Required, Some(value)) => value,
            (FallbackKind::Default, None) | (FallbackKind::Replace, Some(_)) => {
                fallback.then.evaluate(lookup)
            }
            (FallbackKind::Replace, None) => String::new(),
            (FallbackKind::Required, None) => {
                let message = fallback.then.evaluate(lookup);
                lookup.missing(&self.name, &message, at.clone());
                String::new()
            }
        }
    }
}

/// Templates nest in defaults; nobody nests deeper than this.
const MAX_DEPTH: usize = 50;

/// `base` is where `text` starts in the outermost template.
fn parse(text: &str, base: usize, depth: usize) -> Result<Template, Mistake> {
    if depth > MAX_DEPTH {
        let at = base..base + text.len();
        return Err(Mistake { message: "defaults are nested too deeply", at });
    }
    let bytes = text.as_bytes();
    let (mut parts, mut plain, mut at) = (Vec::new(), String::new(), 0);
    while let Some(found) = memchr::memchr(b'$', &bytes[at..]) {
        let dollar = at + found;
        plain.push_str(&text[at..dollar]);
        let (part, end) = match bytes.get(dollar + 1) {
            Some(b'$') => {
                plain.push('$');
                at = dollar + 2;
                continue;
            }
            Some(b'{') => braced(text, dollar, base, depth)?,
            _ => match name_length(&text[dollar + 1..]) {
                0 => {
                    plain.push('$');
                    at = dollar + 1;
                    continue;
                }
                length => {
                    let end = dollar + 1 + length;
                    let name = text[dollar + 1..end].to_owned();
                    (Variable { name, fallback: None }, end)
                }
            },
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Variable(part, base + dollar..base + end));
        at = end;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(Template { parts })
}

/// `${NAME…}` that starts at `dollar`, and the byte after it.
fn braced(
    text: &str,
    dollar: usize,
    base: usize,
    depth: usize,
) -> Result<(Variable, usize), Mistake> {
    let inner = dollar + 2;
    let Some(close) = closing_brace(text.as_bytes(), inner) else {
        let at = base + dollar..base + text.len();
        return Err(Mistake { message: "this `${` is never closed", at });
    };
    let mistake = |message| Err(Mistake { message, at: base + dollar..base + close + 1 });
    let length = name_length(&text[inner..close]);
    if length == 0 {
        return mistake("a variable's name must follow `${`");
    }
    let (name, rest) = text[inner..close].split_at(length);
    let name = name.to_owned();
    if rest.is_empty() {
        return Ok((Variable { name, fallback: None }, close + 1));
    }
    let (empty_is_unset, operator) = match rest.strip_prefix(':') {
        Some(operator) => (true, operator),
        None => (false, rest),
    };
    let kind = match operator.bytes().next() {
        Some(b'-') => FallbackKind::Default,
        Some(b'?') => FallbackKind::Required,
        Some(b'+') => FallbackKind::Replace,
        _ => return mistake("after the name, only `:-`, `-`, `:?`, `?`, `:+` or `+` can follow"),
    };
    let then = &operator[1..];
    if then.contains('\n') {
        return mistake("what follows the operator cannot have a line break");
    }
    let then = parse(then, base + close - then.len(), depth + 1)?;
    let fallback = Some(Fallback { kind, empty_is_unset, then });
    Ok((Variable { name, fallback }, close + 1))
}

/// The brace that closes the variable whose inside starts at `from`.
fn closing_brace(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut open, mut at) = (1, from);
    while at < bytes.len() {
        match bytes[at] {
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                open += 1;
                at += 1;
            }
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Bytes of the name that `text` starts with: a letter or `_`, then letters, digits and `_`.
fn name_length(text: &str) -> usize {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match text.bytes().next() {
        Some(first) if !first.is_ascii_digit() => {
            text.as_bytes().iter().take_while(|it| name(it)).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Env(Vec<String>);

    impl Lookup for Env {
        fn get(&self, name: &str) -> Option<String> {
            match name {
                "A" => Some("a".to_owned()),
                "EMPTY" => Some(String::new()),
                _ => None,
            }
        }
        fn unset(&mut self, name: &str, at: Range<usize>) {
            self.0.push(format!("unset {name} {at:?}"));
        }
        fn missing(&mut self, name: &str, message: &str, _: Range<usize>) {
            self.0.push(format!("missing {name}: {message}"));
        }
        fn spend(&mut self, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn every_form_has_its_value() {
        for (text, value) in [
            ("$A", "a"),
            ("x${A}y", "xay"),
            ("$$A", "$A"),
            ("$", "$"),
            ("$1 $(x) ^x$", "$1 $(x) ^x$"),
            ("${NO-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${EMPTY:-d}", "d"),
            ("${A:-d}", "a"),
            ("${A:+r}", "r"),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${NO:+r}", ""),
            ("${NO:-${A:-x}}", "a"),
            ("${NO:-a ${NO:-{\"b\": 1\\}} c}", "a {\"b\": 1\\ c}"),
            ("${NO:-$$x}", "$x"),
            ("${NO:-:-?}", ":-?"),
            ("${A:?needed}", "a"),
            ("${EMPTY?needed}", ""),
        ] {
            let mut env = Env::default();
            assert_eq!(Template::parse(text).unwrap().evaluate(&mut env), value, "{text}");
            assert!(env.0.is_empty(), "{text}: {:?}", env.0);
        }
    }

    #[test]
    fn only_what_is_used_is_missed() {
        let mut env = Env::default();
        let text = "${A:-$NO} ${NO} $OTHER ${NO:?say $A}";
        Template::parse(text).unwrap().evaluate(&mut env);
        assert_eq!(env.0, ["unset NO 10..15", "unset OTHER 16..22", "missing NO: say a"]);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in
            ["${}", "${ x}", "${x!}", "${x/y}", "${", "${x:-${y}", "${x:-a\nb}", "${1}", "${x:}"]
        {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert!(Template::parse(&"${a:-".repeat(10_000)).is_err());
    }
}
