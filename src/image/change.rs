//! Changes to an image's configuration in Dockerfile words: `CMD ["nginx"]`, `ENV A=b`.

use crate::base::{Error, Kind, Result, duration};
use crate::resource::ImageConfig;
use crate::resource::image::ImageHealth;

use super::config::parse_port;

/// Applies one change, as `import` and `commit` take them with `-c`.
///
/// # Errors
/// It is not one of CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL,
/// USER, VOLUME and WORKDIR, or what follows the word cannot be read.
pub fn apply(config: &mut ImageConfig, change: &str) -> Result<()> {
    let change = change.trim();
    let (word, rest) = change.split_once(char::is_whitespace).unwrap_or((change, ""));
    let rest = rest.trim();
    let word = word.to_ascii_uppercase();
    if rest.is_empty() {
        return Err(invalid(format!("change `{change}` says nothing after its first word")));
    }
    match word.as_str() {
        "CMD" => config.cmd = command(config, rest),
        "ENTRYPOINT" => config.entrypoint = command(config, rest),
        "ENV" => {
            for (name, value) in pairs(&word, rest)? {
                set_variable(&mut config.env, &name, &value);
            }
        }
        "LABEL" => config.labels.extend(pairs(&word, rest)?),
        "EXPOSE" => {
            for text in rest.split_whitespace() {
                let port = parse_port(text)?;
                if !config.exposed_ports.contains(&port) {
                    config.exposed_ports.push(port);
                }
            }
        }
        "VOLUME" => {
            let paths = json_words(rest)
                .unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
            for path in paths {
                if !config.volumes.contains(&path) {
                    config.volumes.push(path);
                }
            }
        }
        "USER" => config.user = one_word(&word, rest)?,
        "WORKDIR" => config.working_dir = work_dir(&config.working_dir, &one_word(&word, rest)?),
        "STOPSIGNAL" => config.stop_signal = Some(one_word(&word, rest)?),
        "SHELL" => {
            config.shell = json_words(rest).filter(|words| !words.is_empty()).ok_or_else(|| {
                invalid(format!(
                    "`{change}` needs its words as JSON, as in SHELL [\"/bin/sh\", \"-c\"]"
                ))
            })?;
        }
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        "HEALTHCHECK" => config.health = Some(health(rest)?),
        _ => {
            return Err(invalid(format!("`{word}` is not a change an image can take")).hint(
                "changes are CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME and WORKDIR",
            ));
        }
    }
    Ok(())
}

/// JSON words as they are; anything else is a line for the shell.
fn command(config: &ImageConfig, rest: &str) -> Vec<String> {
    json_words(rest).unwrap_or_else(|| {
        let mut words = match config.shell.is_empty() {
            true => vec!["/bin/sh".to_owned(), "-c".to_owned()],
            false => config.shell.clone(),
        };
        words.push(rest.to_owned());
        words
    })
}

/// A JSON array of strings; `None` for anything else (Docker takes it for the shell form then).
fn json_words(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok())?
}

/// Replaces the variable or adds it at the end.
fn set_variable(env: &mut Vec<String>, name: &str, value: &str) {
    let line = format!("{name}={value}");
    let has_name = |entry: &&mut String| entry.split('=').next() == Some(name);
    match env.iter_mut().find(has_name) {
        Some(entry) => *entry = line,
        None => env.push(line),
    }
}

/// `NAME=value …` with quotes and backslashes, or the old form `NAME the rest`.
fn pairs(word: &str, rest: &str) -> Result<Vec<(String, String)>> {
    let words = words(rest)?;
    if !words[0].contains('=') {
        let (name, value) = rest.split_once(char::is_whitespace).ok_or_else(|| {
            invalid(format!("{word} needs a name and a value, as in {word} NAME=value"))
        })?;
        return Ok(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(invalid(format!("`{text}` of {word} should look like NAME=value"))),
    };
    words.iter().map(pair).collect()
}

/// Splits at white space outside of quotes. A backslash takes the next letter as it is, in single
/// quotes it is a letter like any other. At least one word, if `text` has any letter.
fn words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => word.get_or_insert_default().push(letter),
            (_, '\\') => word.get_or_insert_default().extend(letters.next()),
            (Some(_), letter) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (None, letter) => word.get_or_insert_default().push(letter),
        }
    }
    match quote {
        Some(quote) => Err(invalid(format!("`{text}` has a {quote} that is not closed"))),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

fn one_word(word: &str, rest: &str) -> Result<String> {
    match words(rest)?.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(invalid(format!("{word} takes exactly one argument"))),
    }
}

/// A relative directory continues the one before it.
fn work_dir(before: &str, path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{path}", before.trim_end_matches('/')),
    }
}

/// `NONE`, or options and `CMD` with a command.
fn health(rest: &str) -> Result<ImageHealth> {
    let mut health = ImageHealth::default();
    let mut rest = rest;
    while let Some(option) = rest.strip_prefix("--") {
        let (option, after) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let nanoseconds = || duration::parse(value).map(|time| time.as_nanos() as u64);
        match name {
            "interval" => health.interval = nanoseconds()?,
            "timeout" => health.timeout = nanoseconds()?,
            "start-period" => health.start_period = nanoseconds()?,
            "start-interval" => health.start_interval = nanoseconds()?,
            "retries" => {
                health.retries = value
                    .parse()
                    .map_err(|_| invalid(format!("`{value}` is not a number of retries")))?;
            }
            _ => return Err(invalid(format!("HEALTHCHECK has no option `--{name}`"))),
        }
        rest = after.trim_start();
    }
    let (word, command_line) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    health.test = match (word.to_ascii_uppercase().as_str(), command_line.trim()) {
        ("NONE", "") => vec!["NONE".to_owned()],
        ("CMD", line) if !line.is_empty() => match json_words(line) {
            Some(words) => [vec!["CMD".to_owned()], words].concat(),
            None => vec!["CMD-SHELL".to_owned(), line.to_owned()],
        },
        _ => return Err(invalid("HEALTHCHECK needs NONE, or CMD and a command".to_owned())),
    };
    Ok(health)
}

fn invalid(message: String) -> Error {
    Error::new(Kind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> ImageConfig {
        let mut config = ImageConfig::default();
        for change in changes {
            apply(&mut config, change).unwrap();
        }
        config
    }

    #[test]
    fn commands_are_json_or_a_line_for_the_shell() {
        let config = changed(&[r#"CMD ["nginx", "-g"]"#, "entrypoint exec  top"]);
        assert_eq!(config.cmd, ["nginx", "-g"]);
        assert_eq!(config.entrypoint, ["/bin/sh", "-c", "exec  top"]);
        let config = changed(&[r#"SHELL ["/bin/bash", "-ec"]"#, "CMD [oops"]);
        assert_eq!(config.cmd, ["/bin/bash", "-ec", "[oops"]);
    }

    #[test]
    fn variables_and_labels_take_both_forms() {
        let config = changed(&[
            r#"ENV A=1 B="two words" C=it\'s D='a\b'"#,
            "ENV A the rest  of it",
            "LABEL a.b=c",
            "LABEL d e f",
        ]);
        assert_eq!(config.env, ["A=the rest  of it", "B=two words", "C=it's", r"D=a\b"]);
        assert_eq!(config.labels["a.b"], "c");
        assert_eq!(config.labels["d"], "e f");
    }

    #[test]
    fn the_rest_is_set_too() {
        let config = changed(&[
            "EXPOSE 80 443/udp 80/tcp",
            r#"VOLUME ["/a b"]"#,
            "VOLUME /c /d",
            "USER www:www",
            "WORKDIR /srv",
            "WORKDIR app",
            "STOPSIGNAL SIGQUIT",
            "HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost || exit 1",
        ]);
        let ports: Vec<_> =
            config.exposed_ports.iter().map(|p| (p.ports.first, p.protocol.as_str())).collect();
        assert_eq!(ports, [(80, "tcp"), (443, "udp")]);
        assert_eq!(config.volumes, ["/a b", "/c", "/d"]);
        assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("www:www", "/srv/app"));
        assert_eq!(config.stop_signal.as_deref(), Some("SIGQUIT"));
        let health = config.health.unwrap();
        assert_eq!(health.test, ["CMD-SHELL", "curl -f localhost || exit 1"]);
        assert_eq!((health.interval, health.retries), (5_000_000_000, 2));
        assert_eq!(changed(&["HEALTHCHECK NONE"]).health.unwrap().test, ["NONE"]);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for change in [
            "",
            "CMD",
            "RUN true",
            "ENV A",
            "ENV =b",
            "EXPOSE x",
            "USER a b",
            "SHELL sh",
            "HEALTHCHECK",
            "HEALTHCHECK --foo=1 NONE",
            "HEALTHCHECK CMD",
            "ENV A=\"b",
        ] {
            assert!(apply(&mut ImageConfig::default(), change).is_err(), "{change}");
        }
    }
}
