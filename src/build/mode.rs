//! `--chmod`: octal, or as `chmod(1)` takes it: `u+x,go-w`. Pure.

/// A change of a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This mode.
    Set(u32),
    /// Clauses, applied in order.
    Clauses(Vec<Clause>),
}

/// `who op what`, as in `go-w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Bits of those it is about: 0o700 for `u`, 0o070 for `g`, 0o007 for `o`.
    who: u32,
    /// `+`, `-` or `=`.
    operator: char,
    /// `rwx` bits for all three.
    what: u32,
    /// `X`: execute, for directories and what somebody can execute already.
    if_executable: bool,
    /// `s` and `t`.
    special: u32,
}

impl Change {
    /// Reads a mode; `None`: it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Change> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            return mode.map(Change::Set);
        }
        text.split(',')
            .map(clauses)
            .collect::<Option<Vec<_>>>()
            .map(|all| Change::Clauses(all.concat()))
    }

    /// The mode after the change.
    #[must_use]
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Change::Set(mode) => *mode,
            Change::Clauses(clauses) => {
                clauses.iter().fold(mode, |mode, clause| clause.apply(mode, is_directory))
            }
        }
    }
}

impl Clause {
    fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        let executable = is_directory || mode & 0o111 != 0;
        let extra = if self.if_executable && executable { 0o111 } else { 0 };
        let bits = (self.what | extra) & self.who | self.special;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !self.who | bits,
        }
    }
}

/// `[ugoa]*([-+=][rwxXst]*)+`.
fn clauses(text: &str) -> Option<Vec<Clause>> {
    let start = text.find(['+', '-', '='])?;
    let mut who = 0;
    for letter in text[..start].chars() {
        who |= match letter {
            'u' => 0o700,
            'g' => 0o070,
            'o' => 0o007,
            'a' => 0o777,
            _ => return None,
        };
    }
    if who == 0 {
        who = 0o777;
    }
    let mut found: Vec<Clause> = Vec::new();
    for letter in text[start..].chars() {
        if matches!(letter, '+' | '-' | '=') {
            let (what, if_executable, special) = (0, false, 0);
            found.push(Clause { who, operator: letter, what, if_executable, special });
            continue;
        }
        let clause = found.last_mut()?;
        match letter {
            'r' => clause.what |= 0o444,
            'w' => clause.what |= 0o222,
            'x' => clause.what |= 0o111,
            'X' => clause.if_executable = true,
            't' => clause.special |= 0o1000,
            's' => {
                clause.special |= if who & 0o700 != 0 { 0o4000 } else { 0 };
                clause.special |= if who & 0o070 != 0 { 0o2000 } else { 0 };
            }
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_change_as_chmod_changes_them() {
        for (text, before, after) in [
            ("755", 0o644, 0o755),
            ("0644", 0o755, 0o644),
            ("u+x", 0o644, 0o744),
            ("+x", 0o644, 0o755),
            ("go-w,u=rwx", 0o666, 0o744),
            ("a=rX", 0o644, 0o444),
            ("a=rX", 0o744, 0o555),
            ("g+s", 0o755, 0o2755),
            ("u=rw,go=", 0o755, 0o600),
        ] {
            assert_eq!(Change::parse(text).unwrap().apply(before, false), after, "{text}");
        }
        for text in ["", "8", "77777", "x", "u+y", "z+x"] {
            assert_eq!(Change::parse(text), None, "{text}");
        }
    }
}
