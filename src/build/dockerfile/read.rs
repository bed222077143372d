//! Statements become instructions: one function for each of the eighteen.

use crate::base::duration;
use crate::diag::{Diagnostics, closest};

use super::flags::Flags;
use super::instruction::{Argument, Command, Copy, Health, Instruction, Run, RunNetwork};
use super::statement::{Statement, cut};
use super::words::{self, Json, Word};
use super::{Stage, Text, mount, place};

const KEYWORDS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Whether this is an instruction's keyword, in upper case.
#[must_use]
pub fn is_known(keyword: &str) -> bool {
    KEYWORDS.contains(&keyword)
}

/// `FROM [--platform=…] IMAGE [AS NAME]`.
pub fn from(statement: &Statement, out: &mut Diagnostics) -> Option<Stage> {
    let (flags, rest) = words::flags(&statement.body);
    let mut flags = Flags::new(flags, "FROM");
    let platform = flags.value("platform", out);
    flags.finish(out);
    let mut words = words::split_plain(&rest).into_iter();
    let (base, keyword, name, more) = (words.next(), words.next(), words.next(), words.next());
    let fits = keyword.is_some() == name.is_some()
        && more.is_none()
        && keyword.as_ref().is_none_or(|word| word.text.eq_ignore_ascii_case("as"));
    let Some(base) = base.filter(|_| fits) else {
        let message = "FROM takes an image, and may have `AS NAME` after it";
        out.error("bad-from", place(&rest, statement.span), message);
        return None;
    };
    let name = name.map(|word| Word { text: word.text.to_lowercase(), ..word });
    if let Some(name) = name.as_ref().filter(|name| !is_stage_name(&name.text)) {
        let message = format!("`{}` cannot be the name of a stage", name.text);
        let mistake = out.error("bad-stage-name", name.span, message);
        mistake.hint("a name begins with a letter, and has letters, digits, `-`, `_` and `.`");
    }
    let text = format!("FROM {}", statement.body.as_str());
    Some(Stage { span: statement.span, text, base, platform, name, steps: Vec::new() })
}

/// Docker: `^[a-z][a-z0-9-_.]*$`.
fn is_stage_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let inner = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    first && name.bytes().all(inner)
}

/// Any instruction but `FROM`; `None` after a mistake.
pub fn instruction(
    statement: Statement,
    escape: char,
    out: &mut Diagnostics,
) -> Option<Instruction> {
    if !is_known(&statement.keyword) {
        unknown(&statement, out);
        return None;
    }
    if statement.body.as_str().is_empty() {
        let message = format!("{} needs something after it", statement.keyword);
        out.error("missing-arguments", statement.keyword_span, message);
        return None;
    }
    let reader = Reader { escape, statement };
    reader.read(out)
}

fn unknown(statement: &Statement, out: &mut Diagnostics) {
    let message = format!("unknown instruction `{}`", statement.keyword);
    let mistake = out.error("unknown-instruction", statement.keyword_span, message);
    match closest(&statement.keyword, KEYWORDS.iter().copied()) {
        Some(known) => mistake.hint(format!("did you mean `{known}`?")),
        None => mistake.hint("a line that continues the one before needs a `\\` there, at its end"),
    };
}

struct Reader {
    escape: char,
    statement: Statement,
}

impl Reader {
    fn read(self, out: &mut Diagnostics) -> Option<Instruction> {
        let name = self.statement.keyword.clone();
        match name.as_str() {
            "ADD" | "COPY" => self.copy(out).map(Instruction::Copy),
            "RUN" => self.run(out).map(Instruction::Run),
            "HEALTHCHECK" => self.health(out),
            _ => {
                self.no_flags(out);
                self.plain(&name, out)
            }
        }
    }

    fn plain(&self, name: &str, out: &mut Diagnostics) -> Option<Instruction> {
        let body = &self.statement.body;
        Some(match name {
            "ARG" => Instruction::Arg(self.arguments(out)?),
            "CMD" => Instruction::Cmd(self.command(body, out)?),
            "ENTRYPOINT" => Instruction::Entrypoint(self.command(body, out)?),
            "ENV" => Instruction::Env(self.pairs(out)?),
            "EXPOSE" => Instruction::Expose(words::split_plain(body)),
            "LABEL" => Instruction::Label(self.pairs(out)?),
            "MAINTAINER" => Instruction::Maintainer(body.as_str().to_owned()),
            "ONBUILD" => self.on_build(out)?,
            "SHELL" => self.shell(out)?,
            "STOPSIGNAL" => Instruction::StopSignal(Word::whole(body)),
            "USER" => Instruction::User(Word::whole(body)),
            "VOLUME" => Instruction::Volume(self.list(body, out)?),
            _ => Instruction::WorkDir(Word::whole(body)),
        })
    }

    /// Instructions without flags still take them for such (Docker), and know none.
    fn no_flags(&self, out: &mut Diagnostics) {
        let takes_any = matches!(self.statement.keyword.as_str(), "CMD" | "ENTRYPOINT" | "ONBUILD");
        let (flags, _) = words::flags(&self.statement.body);
        if !takes_any {
            Flags::new(flags, &self.statement.keyword).finish(out);
        }
    }

    fn error(&self, code: &'static str, text: &Text, message: String, out: &mut Diagnostics) {
        out.error(code, place(text, self.statement.span), message);
    }

    /// The JSON form or the shell form.
    fn command(&self, body: &Text, out: &mut Diagnostics) -> Option<Command> {
        match words::json(body.as_str()) {
            Json::Words(words) => Some(Command::Exec(words)),
            Json::No => Some(Command::Shell(body.as_str().to_owned())),
            Json::NotStrings => {
                self.not_strings(body, out);
                None
            }
        }
    }

    fn not_strings(&self, body: &Text, out: &mut Diagnostics) {
        let message = "a command in JSON form has nothing but strings in it".to_owned();
        self.error("bad-json", body, message, out);
    }

    /// Words, as a JSON list or with white space between them.
    fn list(&self, body: &Text, out: &mut Diagnostics) -> Option<Vec<Word>> {
        match words::json(body.as_str()) {
            Json::Words(words) => {
                let span = body.whole();
                Some(words.into_iter().map(|text| Word { text, span }).collect())
            }
            Json::No => Some(words::split_plain(body)),
            Json::NotStrings => {
                self.not_strings(body, out);
                None
            }
        }
    }

    /// `NAME=value …`, or the old form `NAME the rest`.
    fn pairs(&self, out: &mut Diagnostics) -> Option<Vec<(Word, Word)>> {
        let (body, name) = (&self.statement.body, &self.statement.keyword);
        let words = words::split(body, self.escape);
        if !words.first()?.text.contains('=') {
            let (key, value) = body.split_word();
            if value.as_str().is_empty() {
                let message = format!("{name} needs a value for `{}`", key.as_str());
                self.error("missing-value", body, message, out);
                return None;
            }
            return Some(vec![(Word::whole(&key), Word::whole(&value))]);
        }
        let mut pairs = Vec::new();
        for word in words {
            match word.text.split_once('=') {
                Some((key, value)) if !key.is_empty() => pairs.push((
                    Word { text: key.to_owned(), span: word.span.part(0, key.len()) },
                    Word { text: value.to_owned(), span: word.span },
                )),
                _ => {
                    let message = format!("`{}` should look like NAME=value", word.text);
                    let mistake = out.error("missing-value", word.span, message);
                    mistake.hint("a value with spaces in it needs quotes around it");
                    return None;
                }
            }
        }
        Some(pairs)
    }

    fn arguments(&self, out: &mut Diagnostics) -> Option<Vec<Argument>> {
        let words = words::split(&self.statement.body, self.escape);
        let mut arguments = Vec::new();
        for word in words {
            let (name, default) = match word.text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word.text.clone(), None),
            };
            if name.is_empty() {
                out.error("missing-name", word.span, "an ARG needs a name");
                return None;
            }
            arguments.push(Argument {
                name: Word { span: word.span.part(0, name.len()), text: name },
                default: default.map(|text| Word { text, span: word.span }),
            });
        }
        Some(arguments)
    }

    fn on_build(&self, out: &mut Diagnostics) -> Option<Instruction> {
        let inner = cut(&self.statement.body);
        if matches!(inner.keyword.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
            let message = format!("ONBUILD cannot have {} after it", inner.keyword);
            self.error("bad-onbuild", &self.statement.body, message, out);
            return None;
        }
        let mut text = format!("{} {}", inner.keyword, inner.body.as_str());
        for heredoc in &self.statement.heredocs {
            text += &format!("\n{}{}", heredoc.content, heredoc.name);
        }
        let heredocs = self.statement.heredocs.clone();
        instruction(Statement { heredocs, ..inner }, self.escape, out)?;
        Some(Instruction::OnBuild(text))
    }

    fn shell(&self, out: &mut Diagnostics) -> Option<Instruction> {
        match words::json(self.statement.body.as_str()) {
            Json::Words(words) if !words.is_empty() => Some(Instruction::Shell(words)),
            _ => {
                let message = "SHELL needs its words in JSON form".to_owned();
                self.error("bad-json", &self.statement.body, message, out);
                None
            }
        }
    }

    fn run(self, out: &mut Diagnostics) -> Option<Run> {
        let (flags, rest) = words::flags(&self.statement.body);
        let mut flags = Flags::new(flags, "RUN");
        let mounts = flags.all("mount", out);
        let network = flags.value("network", out);
        let security = flags.value("security", out);
        let device = flags.all("device", out);
        flags.finish(out);
        if let Some(device) = device.first() {
            out.error("bad-flag", device.span, "RUN --device is not supported");
        }
        let network = network.and_then(|word| match word.text.as_str() {
            "default" => Some(RunNetwork::Default),
            "none" => Some(RunNetwork::None),
            "host" => Some(RunNetwork::Host),
            other => {
                let message = format!("unknown network `{other}`");
                out.error("bad-flag", word.span, message)
                    .hint("networks are default, none and host");
                None
            }
        });
        let insecure = security.is_some_and(|word| match word.text.as_str() {
            "sandbox" => false,
            "insecure" => true,
            other => {
                let message = format!("unknown security mode `{other}`");
                out.error("bad-flag", word.span, message).hint("modes are sandbox and insecure");
                false
            }
        });
        let mounts: Vec<_> = mounts.iter().filter_map(|word| mount::read(word, out)).collect();
        if rest.as_str().is_empty() {
            self.error("missing-arguments", &rest, "RUN needs a command".to_owned(), out);
            return None;
        }
        let command = match self.statement.heredocs.is_empty() {
            true => self.command(&rest, out)?,
            false => Command::Shell(rest.as_str().to_owned()),
        };
        Some(Run { command, heredocs: self.statement.heredocs, mounts, network, insecure })
    }

    fn copy(self, out: &mut Diagnostics) -> Option<Copy> {
        let name = self.statement.keyword.clone();
        let add = name == "ADD";
        let (flags, rest) = words::flags(&self.statement.body);
        let mut flags = Flags::new(flags, &name);
        let from = if add { None } else { flags.value("from", out) };
        let (chown, chmod) = (flags.value("chown", out), flags.value("chmod", out));
        let link = flags.switch("link", out).unwrap_or(false);
        let parents = !add && flags.switch("parents", out).unwrap_or(false);
        let exclude = flags.all("exclude", out);
        let checksum = if add { flags.value("checksum", out) } else { None };
        let keep_git_dir = add && flags.switch("keep-git-dir", out).unwrap_or(false);
        let unpack = if add { flags.switch("unpack", out) } else { None };
        flags.finish(out);
        if let Some(from) = from.as_ref().filter(|from| from.text.contains('$')) {
            let mistake = out.error("bad-flag", from.span, "--from cannot have variables in it");
            mistake.hint("give the image a stage of its own, with FROM");
        }
        let mut words = self.list(&rest, out)?;
        let destination = words.pop().filter(|_| !words.is_empty());
        let Some(destination) = destination else {
            let message = format!("{name} needs at least one source, and a destination");
            self.error("missing-arguments", &rest, message, out);
            return None;
        };
        let inline = self.statement.heredocs;
        words.retain(|word| !inline.iter().any(|heredoc| heredoc.mark == word.text));
        Some(Copy {
            add,
            sources: words,
            inline,
            destination,
            from,
            chown,
            chmod,
            link,
            parents,
            exclude,
            checksum,
            keep_git_dir,
            unpack,
        })
    }

    fn health(self, out: &mut Diagnostics) -> Option<Instruction> {
        let (flags, rest) = words::flags(&self.statement.body);
        let mut flags = Flags::new(flags, "HEALTHCHECK");
        let mut time = |name: &'static str, out: &mut Diagnostics| {
            let word = flags.value(name, out)?;
            let parsed = duration::parse(&word.text).ok();
            if parsed.is_none() {
                let message = format!("`{}` is not a duration", word.text);
                out.error("bad-flag", word.span, message).hint("durations look like 30s or 1m30s");
            }
            parsed
        };
        let (interval, timeout) = (time("interval", out), time("timeout", out));
        let (start_period, start_interval) =
            (time("start-period", out), time("start-interval", out));
        let retries = flags.value("retries", out).and_then(|word| {
            let parsed = word.text.parse().ok();
            if parsed.is_none() {
                let message = format!("`{}` is not a number of retries", word.text);
                out.error("bad-flag", word.span, message);
            }
            parsed
        });
        flags.finish(out);
        let (word, line) = rest.split_word();
        match word.as_str().to_ascii_uppercase().as_str() {
            "NONE" if line.as_str().is_empty() => Some(Instruction::Healthcheck(None)),
            "CMD" if !line.as_str().is_empty() => {
                let command = self.command(&line, out)?;
                Some(Instruction::Healthcheck(Some(Health {
                    command,
                    interval,
                    timeout,
                    start_period,
                    start_interval,
                    retries,
                })))
            }
            _ => {
                let message = "HEALTHCHECK takes NONE, or CMD and a command".to_owned();
                self.error("bad-healthcheck", &rest, message, out);
                None
            }
        }
    }
}
