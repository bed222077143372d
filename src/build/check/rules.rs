//! Which checks are made: `# check=skip=A,B;error=true;experimental=C`.

use crate::diag::{Diagnostic, Diagnostics, Severity};

/// A variable has no value, nor will it get one.
pub const UNDEFINED_VARIABLE: &str = "UndefinedVar";
/// A comment above an argument or a stage speaks of something else.
pub(super) const DESCRIPTION: &str = "InvalidDefinitionDescription";

/// All rules.
const RULES: [&str; 22] = [
    "ConsistentInstructionCasing",
    "CopyIgnoredFile",
    "DuplicateStageName",
    "ExposeInvalidFormat",
    "ExposeProtoCasing",
    "FromAsCasing",
    "FromPlatformFlagConstDisallowed",
    "InvalidBaseImagePlatform",
    "InvalidDefaultArgInFrom",
    DESCRIPTION,
    "JSONArgsRecommended",
    "LegacyKeyValueFormat",
    "MaintainerDeprecated",
    "MultipleInstructionsDisallowed",
    "NoEmptyContinuation",
    "RedundantTargetPlatform",
    "ReservedStageName",
    "SecretsUsedInArgOrEnv",
    "StageNameCasing",
    "UndefinedArgInFrom",
    UNDEFINED_VARIABLE,
    "WorkdirRelativePath",
];

/// Rules that are only followed when somebody asks for them.
const EXPERIMENTAL: [&str; 1] = [DESCRIPTION];

/// Some rules, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Choice {
    #[default]
    None,
    All,
    Some(Vec<String>),
}

impl Choice {
    fn read(text: &str) -> Choice {
        match text.trim() {
            "all" => Choice::All,
            list => Choice::Some(list.split(',').map(|name| name.trim().to_owned()).collect()),
        }
    }

    fn has(&self, rule: &str) -> bool {
        match self {
            Choice::None => false,
            Choice::All => true,
            Choice::Some(names) => names.iter().any(|name| name == rule),
        }
    }
}

/// What is asked of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    skip: Choice,
    experimental: Choice,
    /// A warning ends the build.
    pub error: bool,
}

impl Rules {
    /// Reads the directive's value.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn read(text: &str) -> Result<Rules, String> {
        let mut rules = Rules::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` should be NAME=VALUE"))?;
            match key.trim() {
                "skip" => rules.skip = Choice::read(value),
                "experimental" => rules.experimental = Choice::read(value),
                "error" => {
                    rules.error = match value.trim().to_ascii_lowercase().as_str() {
                        "true" | "t" | "1" => true,
                        "false" | "f" | "0" => false,
                        other => return Err(format!("`error` is true or false, not `{other}`")),
                    }
                }
                other => return Err(format!("`{other}` is no option of the checks")),
            }
        }
        Ok(rules)
    }

    /// Whether warnings of this rule are wanted. What is no rule of Docker's always is.
    #[must_use]
    pub fn wants(&self, code: &str) -> bool {
        let is_on = !EXPERIMENTAL.contains(&code) || self.experimental.has(code);
        !RULES.contains(&code) || is_on && !self.skip.has(code)
    }

    /// Leaves out what is not wanted; with `error`, what is left are mistakes, and one more says of
    /// which rules.
    pub fn apply(&self, out: &mut Diagnostics) {
        out.retain(|it| self.wants(it.code));
        if !self.error {
            return;
        }
        let is_violation =
            |it: &&mut Diagnostic| it.severity == Severity::Warning && RULES.contains(&it.code);
        let mut broken: Vec<&str> = Vec::new();
        for it in out.since(0).filter(is_violation) {
            if !broken.contains(&it.code) {
                broken.push(it.code);
            }
        }
        if !broken.is_empty() {
            broken.sort_unstable();
            let message = format!("lint violation found for rules: {}", broken.join(", "));
            out.error("check", None, message);
        }
    }
}

/// How many warnings are about rules.
#[must_use]
pub fn violations(out: &Diagnostics) -> usize {
    out.iter().filter(|it| RULES.contains(&it.code)).count()
}
