//! `WWW-Authenticate`: what a registry wants to see before it answers.

/// A way to identify oneself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from `realm` (distribution: token authentication).
    Bearer {
        /// Where to get it.
        realm: String,
        /// Whom it is for; empty: not said.
        service: String,
        /// What it must allow; empty: not said.
        scope: String,
        /// `insufficient_scope` and the like; empty: not said.
        error: String,
    },
}

/// The challenges of a header's values (RFC 9110, section 11.6.1). Unknown schemes are left out.
#[must_use]
pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Challenge> {
    values.into_iter().flat_map(parse_one).collect()
}

fn parse_one(value: &str) -> Vec<Challenge> {
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for part in split_outside_quotes(value) {
        let part = part.trim();
        // `Scheme`, `Scheme name=value` or `name=value` of the scheme before.
        let (first, rest) = part.split_once(' ').unwrap_or((part, ""));
        let parameter = match first.contains('=') {
            true => part,
            false if first.is_empty() => continue,
            false => {
                challenges.push((first.to_ascii_lowercase(), Vec::new()));
                rest.trim()
            }
        };
        if let (Some((name, value)), Some((_, parameters))) =
            (parameter.split_once('='), challenges.last_mut())
        {
            parameters.push((name.trim().to_ascii_lowercase(), unquote(value.trim())));
        }
    }
    challenges.into_iter().filter_map(|(scheme, parameters)| named(&scheme, &parameters)).collect()
}

fn named(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" if !get("realm").is_empty() => Some(Challenge::Bearer {
            realm: get("realm"),
            service: get("service"),
            scope: get("scope"),
            error: get("error"),
        }),
        _ => None,
    }
}

/// At commas that are not inside of quotes.
fn split_outside_quotes(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in value.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    parts
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut letters = inner.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        let [realm, service, scope] = [realm, service, scope].map(str::to_owned);
        Challenge::Bearer { realm, service, scope, error: String::new() }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#;
        assert_eq!(
            parse([hub]),
            [bearer(
                "https://auth.docker.io/token",
                "registry.docker.io",
                "repository:library/nginx:pull,push"
            )]
        );
        assert_eq!(parse([r#"Basic realm="a, b""#]), [Challenge::Basic]);
        assert_eq!(
            parse([r#"bearer  realm=https://x/t , service="a\"b", Basic realm="x""#]),
            [bearer("https://x/t", "a\"b", ""), Challenge::Basic]
        );
        assert_eq!(parse(["Negotiate", "Basic"]), [Challenge::Basic]);
    }

    #[test]
    fn garbage_is_no_challenge() {
        for value in ["", ",,,", "=", "Bearer", "Bearer realm=", "\"", "Bearer realm=\"\\", "é=ü"]
        {
            assert_eq!(parse([value]), [], "{value}");
        }
    }
}
