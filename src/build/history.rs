//! The lines that steps leave in an image's history, letter for letter as BuildKit writes them:
//! scanners read Dockerfiles out of histories, and know its forms only. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use crate::resource::image::ImageHealth;

/// Who made a step, as every line of a history says (Docker: BuildKit's `historyComment`).
pub const COMMENT: &str = "buildkit.dockerfile.v0";

/// Lines of `RUN`, `COPY` and `ADD` end with this.
pub const MARK: &str = " # buildkit";

/// `ENV A=1 B=2`, and `LABEL`: values after expansion, without quotes.
#[must_use]
pub fn pairs(instruction: &str, pairs: &[(String, String)]) -> String {
    let each = |text: String, (name, value): &(String, String)| text + &format!(" {name}={value}");
    pairs.iter().fold(instruction.to_owned(), each)
}

/// `ARG A=1 B`: the values that they have, wherever those come from.
#[must_use]
pub fn arguments(arguments: &[(String, Option<String>)]) -> String {
    arguments.iter().fold("ARG".to_owned(), |text, (name, value)| match value {
        Some(value) => text + &format!(" {name}={value}"),
        None => text + " " + name,
    })
}

/// `VOLUME [/a /b]`, and `EXPOSE`, `SHELL`.
#[must_use]
pub fn list(instruction: &str, items: &[String]) -> String {
    format!("{instruction} [{}]", items.join(" "))
}

/// `CMD ["a" "b"]`, and `ENTRYPOINT`.
#[must_use]
pub fn command(instruction: &str, argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    list(instruction, &words)
}

/// `COPY --chown=1:2 --chmod=600 a <<b /c/`: of the flags, those that history shows.
#[must_use]
pub fn copy(
    instruction: &str,
    flags: &[(&str, Option<String>)],
    sources: &[String],
    destination: &str,
) -> String {
    let mut text = instruction.to_owned();
    for (name, value) in flags {
        text += &value.as_ref().map(|value| format!(" --{name}={value}")).unwrap_or_default();
    }
    let sources: String = sources.iter().map(|source| format!(" {source}")).collect();
    format!("{text}{sources} {destination}{MARK}")
}

/// `RUN |1 A=x /bin/sh -c make`; `arguments` are those that `ARG` declared.
#[must_use]
pub fn run(arguments: &[String], argv: &[String]) -> String {
    let count = match arguments {
        [] => String::new(),
        some => format!("|{} {} ", some.len(), some.join(" ")),
    };
    format!("RUN {count}{}{MARK}", argv.join(" "))
}

/// `HEALTHCHECK &{["CMD-SHELL" "true"] "5m0s" "0s" "0s" "0s" '\x03'}`: Go's form of its structure.
#[must_use]
pub fn health(health: &ImageHealth) -> String {
    let test: Vec<String> = health.test.iter().map(|word| quoted(word)).collect();
    let times = [health.interval, health.timeout, health.start_period, health.start_interval];
    let times = times.map(|it| quoted(&crate::base::duration::print(Duration::from_nanos(it))));
    let retries = char::from_u32(health.retries).unwrap_or(char::REPLACEMENT_CHARACTER);
    format!(
        "HEALTHCHECK &{{[{}] {} '{}'}}",
        test.join(" "),
        times.join(" "),
        escaped(retries, '\'')
    )
}

/// A text as Go's `%q` has it.
fn quoted(text: &str) -> String {
    let inner: String = text.chars().map(|it| escaped(it, '"')).collect();
    format!("\"{inner}\"")
}

fn escaped(letter: char, quote: char) -> String {
    let short = match letter {
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{b}' => 'v',
        '\\' => '\\',
        it if it == quote => quote,
        it if it.is_control() => {
            let mut text = String::new();
            let _ = match u32::from(it) {
                low @ 0..0x80 => write!(text, "\\x{low:02x}"),
                high => write!(text, "\\u{high:04x}"),
            };
            return text;
        }
        it => return it.to_string(),
    };
    format!("\\{short}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_check_is_gos_structure() {
        let check = ImageHealth {
            test: vec!["CMD-SHELL".to_owned(), "say \"hi\"\t|| exit".to_owned()],
            interval: 300_000_000_000,
            retries: 3,
            ..ImageHealth::default()
        };
        assert_eq!(
            health(&check),
            r#"HEALTHCHECK &{["CMD-SHELL" "say \"hi\"\t|| exit"] "5m0s" "0s" "0s" "0s" '\x03'}"#
        );
    }

    #[test]
    fn arguments_are_counted_before_a_command() {
        let argv = ["/bin/sh", "-c", "make"].map(str::to_owned);
        assert_eq!(run(&[], &argv), "RUN /bin/sh -c make # buildkit");
        let arguments = ["A=x y", "B="].map(str::to_owned);
        assert_eq!(run(&arguments, &argv), "RUN |2 A=x y B= /bin/sh -c make # buildkit");
        assert_eq!(command("CMD", &argv[..2]), r#"CMD ["/bin/sh" "-c"]"#);
    }
}
