//! What commands on single things share: filters, labels, and doing something to each.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::base::{self, Error, Kind};
use crate::cli::app::options::moment;
use crate::cli::app::output::Output;
use crate::cli::app::report::line;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;

/// Conditions of `--filter`: those with one key are alternatives, different keys must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads `KEY=VALUE` words; only keys in `known` may stand in them.
    ///
    /// # Errors
    /// A word without `=`, or an unknown key.
    pub fn parse(words: &[String], known: &[&str]) -> Result<Filters> {
        let mut filters = Filters::default();
        for word in words {
            // Docker: blanks around them and the case of the key do not matter.
            let parts = word.split_once('=');
            let parts = parts.map(|(key, value)| (key.trim().to_lowercase(), value.trim()));
            let is_known =
                |key: &str| known.contains(&key) || key == "label!" && known.contains(&"label");
            let Some((key, value)) = parts.filter(|(key, _)| is_known(key)) else {
                let error = Error::new(Kind::Invalid, format!("invalid filter '{word}'"));
                return Err(error.hint(format!("known filters are {}", known.join(", "))).into());
            };
            filters.0.entry(key).or_default().push(value.to_owned());
        }
        filters.switch("dangling")?;
        Ok(filters)
    }

    /// Whether no value was given for `key`, or one that holds.
    pub fn any(&self, key: &str, mut holds: impl FnMut(&str) -> bool) -> bool {
        self.0.get(key).is_none_or(|values| values.iter().any(|value| holds(value)))
    }

    /// A switch such as `dangling=true`; `None`: it was not asked for.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a value that is no switch.
    pub fn switch(&self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.values(key).last() else { return Ok(None) };
        match value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
            _ => {
                let error = Error::new(Kind::Invalid, format!("invalid filter '{key}={value}'"));
                Err(error.hint(format!("{key} is true or false")).into())
            }
        }
    }

    /// The values given for `key`.
    #[must_use]
    pub fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// The time before which a thing was made; `None`: whenever. Of several, the earliest.
    ///
    /// # Errors
    /// One is no time.
    pub fn until(&self) -> Result<Option<Timestamp>> {
        let now = Timestamp::now();
        let times = self.values("until").iter().map(|text| moment(text, now));
        Ok(times.collect::<Result<Vec<Timestamp>>>()?.into_iter().min())
    }

    /// Whether these labels have all that was asked for: `KEY`, or `KEY=VALUE`; and none of what
    /// `label!` named.
    #[must_use]
    pub fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        };
        self.values("label").iter().all(has) && !self.values("label!").iter().any(has)
    }
}

/// What came of one of many things; `None` for one that another command has removed, or begun to
/// use, since all were listed: the others are done all the same.
///
/// # Errors
/// Any other failure.
pub fn unless_changed<T>(result: base::Result<T>) -> base::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Things that were removed because nobody uses them.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Their names or ids.
    pub names: Vec<String>,
    /// What they took.
    pub bytes: u64,
}

impl Pruned {
    /// Prints them below `heading`, and the room that was made.
    ///
    /// # Errors
    /// Nobody reads the output any more.
    pub fn print(&self, output: &Output, heading: &str) -> Result<()> {
        if !self.names.is_empty() {
            output.print(format!("{heading}:\n{}\n\n", self.names.join("\n")))?;
        }
        let bytes = human::size(self.bytes);
        Ok(output.print_line(format!("Total reclaimed space: {bytes}"))?)
    }
}

/// `KEY=VALUE` words as a map; a word without `=` has an empty value.
#[must_use]
pub fn pairs(words: &[String]) -> BTreeMap<String, String> {
    let pair = |word: &String| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        (key.to_owned(), value.to_owned())
    };
    words.iter().map(pair).collect()
}

/// Labels in one field, as Docker lists them.
#[must_use]
pub fn join(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Does something to each of `names` and prints those it was done to; what fails is said, and
/// does not keep the others (Docker: exit code 1 then).
///
/// # Errors
/// Nobody reads the output any more.
pub async fn each<E: Engine>(
    cx: &Context<E>,
    names: &[String],
    mut work: impl AsyncFnMut(&str) -> base::Result<()>,
) -> Result<Exit> {
    let mut exit = Exit::Success;
    for name in names {
        match work(name).await {
            Ok(()) => cx.output().print_line(name)?,
            Err(error) => {
                cx.output().say_line(line(&error, cx.invoked_as()))?;
                exit = Exit::Code(1);
            }
        }
    }
    Ok(exit)
}

/// As [`each`], but to all at the same time; the order of what is printed is that of `names`.
///
/// # Errors
/// Nobody reads the output any more.
pub async fn each_at_once<E: Engine>(
    cx: &Context<E>,
    names: &[String],
    work: impl AsyncFn(&str) -> base::Result<()>,
) -> Result<Exit> {
    let results = join_all(names.iter().map(|name| work(name))).await;
    let mut results = results.into_iter();
    // Everything is done by now: what follows prints.
    each(cx, names, async |_| results.next().unwrap_or(Ok(()))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_removed_or_use_by_now_is_passed_over() {
        for kind in [Kind::NotFound, Kind::Conflict] {
            let result: base::Result<()> = Err(Error::new(kind, "it changed"));
            assert!(unless_changed(result).unwrap().is_none());
        }
        assert!(unless_changed::<()>(Err(Error::other("disk full"))).is_err());
        assert_eq!(unless_changed(Ok(1)).unwrap(), Some(1));
    }

    #[test]
    fn values_of_one_key_are_alternatives_and_labels_must_all_fit() {
        let words = ["name=a", "name=b", "label=x", "label=y=1"].map(str::to_owned);
        let filters = Filters::parse(&words, &["name", "label"]).unwrap();

        assert!(
            filters.any("name", |name| name == "b") && !filters.any("name", |name| name == "c")
        );
        assert!(filters.any("driver", |_| false), "nothing was asked of the driver");
        assert!(filters.labels(&pairs(&["x=anything".to_owned(), "y=1".to_owned()])));
        assert!(!filters.labels(&pairs(&["y=1".to_owned()])));
        assert!(Filters::parse(&["colour=red".to_owned()], &["name"]).is_err());
    }
}
