//! Asks what a stack shall be made of.

use crate::base::Context as _;
use crate::cli::files::init::choices::{Choices, Database, PHP_VERSIONS, Stack};
use crate::cli::files::init::php;
use crate::cli::{Context, Result};
use crate::engine::Engine;

/// Asks for everything, beginning with what is known already.
///
/// # Errors
/// Nobody answers any more.
pub fn ask(cx: &Context<impl Engine>, mut choices: Choices) -> Result<Choices> {
    choices.name = text(cx, "Name of the project", &choices.name)?;
    if choices.stack.has_php() {
        choices.php = one(cx, "Version of PHP", &PHP_VERSIONS, &choices.php)?;
        let all = php::names().join(" ");
        cx.output().say_line(format!("Extensions of PHP: {all}"))?;
        let given =
            text(cx, "Further extensions, with blanks between", &choices.extensions.join(" "))?;
        choices.extensions =
            given.split([' ', ',']).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        choices.xdebug = yes(cx, "Xdebug", choices.xdebug)?;
    }
    let databases: &[Database] = match choices.stack {
        Stack::Wordpress => &[Database::Mysql, Database::Mariadb],
        _ => &[Database::Mysql, Database::Mariadb, Database::Postgres, Database::None],
    };
    let words: Vec<&str> = databases.iter().map(|it| it.word()).collect();
    let word = one(cx, "Database", &words, choices.database.word())?;
    choices.database =
        databases.iter().copied().find(|it| it.word() == word).unwrap_or(choices.database);
    choices.redis = yes(cx, "Redis", choices.redis)?;
    choices.mail = yes(cx, "Mail catcher", choices.mail)?;
    loop {
        let port = text(cx, "Port on this machine", &choices.port.to_string())?;
        match port.parse() {
            Ok(port) => {
                choices.port = port;
                return Ok(choices);
            }
            Err(_) => cx.output().say_line(format!("`{port}` is not a port"))?,
        }
    }
}

/// Asks which stack.
///
/// # Errors
/// Nobody answers.
pub fn stack(cx: &Context<impl Engine>) -> Result<Stack> {
    let all = [Stack::Lamp, Stack::Lemp, Stack::Wordpress, Stack::Node, Stack::Django];
    let words = all.map(Stack::word);
    let word = one(cx, "What shall it be", &words, "lemp")?;
    Ok(all.into_iter().find(|it| it.word() == word).unwrap_or(Stack::Lemp))
}

/// A line, or what stands in brackets when it is empty.
fn text(cx: &Context<impl Engine>, question: &str, usual: &str) -> Result<String> {
    match usual {
        "" => cx.output().say(format!("{question}: "))?,
        usual => cx.output().say(format!("{question} [{usual}]: "))?,
    }
    let mut answer = String::new();
    let length =
        cx.input().read_line(&mut answer).context(|| "cannot read the answer".to_owned())?;
    if length == 0 {
        // The end of input answers everything that is left with the usual.
        cx.output().say("\n")?;
    }
    Ok(match answer.trim() {
        "" => usual.to_owned(),
        answer => answer.to_owned(),
    })
}

/// One of several words, or the beginning of one, until it is one.
fn one(cx: &Context<impl Engine>, question: &str, words: &[&str], usual: &str) -> Result<String> {
    loop {
        let answer = text(cx, &format!("{question}? {}", words.join(", ")), usual)?.to_lowercase();
        let exact = words.iter().find(|word| **word == answer);
        let mut begins = words.iter().filter(|word| word.starts_with(&answer));
        match (exact, begins.next(), begins.next()) {
            (Some(word), ..) | (None, Some(word), None) => return Ok((*word).to_owned()),
            _ => cx.output().say_line(format!("`{answer}` is none of them"))?,
        }
    }
}

fn yes(cx: &Context<impl Engine>, question: &str, usual: bool) -> Result<bool> {
    let answer = text(cx, &format!("{question}? y, n"), if usual { "y" } else { "n" })?;
    Ok(answer.to_lowercase().starts_with('y'))
}
