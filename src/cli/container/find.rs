//! Which container a word means: its name, its id, or the beginning of its id.

use crate::base::{self, Error, Kind};
use crate::resource::{Container, Observed};

/// The container that `text` means: a whole id, a whole name, or the beginning of one id.
///
/// # Errors
/// [`Kind::NotFound`]; [`Kind::Invalid`] when several ids begin so.
pub fn find<'a>(observed: &'a Observed, text: &str) -> base::Result<&'a Container> {
    let all = &observed.containers;
    let name = text.strip_prefix('/').unwrap_or(text);
    let exact = all.iter().find(|it| it.id.as_str() == text);
    if let Some(container) = exact.or_else(|| all.iter().find(|it| it.spec.name == name)) {
        return Ok(container);
    }
    let mut fitting = all.iter().filter(|it| it.id.as_str().starts_with(text));
    match (fitting.next(), fitting.next()) {
        (Some(container), None) if !text.is_empty() => Ok(container),
        (Some(_), Some(_)) if !text.is_empty() => {
            let message = format!("Multiple IDs found with provided prefix: {text}");
            Err(Error::new(Kind::Invalid, message).hint("write more digits"))
        }
        _ => Err(Error::new(Kind::NotFound, format!("No such container: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::tests::container;
    use crate::resource::State;

    #[test]
    fn a_name_comes_before_the_beginning_of_an_id() {
        let mut web = container("web", State::Running);
        let mut odd = container("4f", State::Running);
        odd.id = "5f".repeat(32).parse().unwrap();
        let observed = |containers| Observed { containers, ..Observed::default() };

        let both = observed(vec![web.clone(), odd]);
        assert_eq!(find(&both, "4f").unwrap().spec.name, "4f");
        assert_eq!(find(&both, "4f4f").unwrap().spec.name, "web");
        assert_eq!(find(&both, "/web").unwrap().spec.name, "web");
        assert_eq!(find(&both, "db").unwrap_err().to_string(), "No such container: db");

        let twin = web.clone();
        web.id = format!("{}00", "4f".repeat(31)).parse().unwrap();
        let error = find(&observed(vec![web, twin]), "4f4").unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
