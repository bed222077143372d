//! The project's environment: variables, and where each came from.

use std::collections::BTreeMap;

use crate::diag::Span;

/// Variables for `${…}`, and for what services take over by name (Spec: 12-interpolation.md).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
}

/// A value, and where it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: String,
    /// Its place in a file such as `.env`; `None`: it came with the process, or is computed.
    pub origin: Option<Span>,
}

impl Environment {
    /// The variables of a process.
    #[must_use]
    pub fn of_process(variables: &BTreeMap<String, String>) -> Environment {
        let variable = |value: &String| Variable { value: value.clone(), origin: None };
        let variables =
            variables.iter().map(|(name, value)| (name.clone(), variable(value))).collect();
        Environment { variables }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    /// The value of a variable, and where it was set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }

    /// Sets a variable that has no value yet; one that has keeps it.
    pub fn fill(&mut self, name: &str, value: &str, origin: Option<Span>) {
        self.variables
            .entry(name.to_owned())
            .or_insert_with(|| Variable { value: value.to_owned(), origin });
    }

    /// Fills in every variable of `other` that has no value yet.
    pub fn fill_from(&mut self, other: &Environment) {
        for (name, variable) in &other.variables {
            self.fill(name, &variable.value, variable.origin);
        }
    }

    /// Sets a variable, whatever value it had.
    pub fn set(&mut self, name: &str, value: &str, origin: Option<Span>) {
        self.variables.insert(name.to_owned(), Variable { value: value.to_owned(), origin });
    }

    /// Names and values.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let pair = |(name, variable): (&String, &Variable)| (name.clone(), variable.value.clone());
        self.variables.iter().map(pair).collect()
    }

    /// The names that have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}
