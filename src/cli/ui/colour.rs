//! The few colours we use.

/// Codes of a terminal's colours and weights (ECMA-48: SGR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(&'static str);

impl Colour {
    /// Something went wrong.
    pub const ERROR: Colour = Colour("1;31");
    /// Something is not as it could be.
    pub const WARNING: Colour = Colour("1;33");
    /// Done.
    pub const DONE: Colour = Colour("32");
    /// Not done yet.
    pub const WORKING: Colour = Colour("33");
    /// Times.
    pub const TIME: Colour = Colour("34");
    /// What helps.
    pub const HINT: Colour = Colour("36");

    /// Colours of log prefixes, in the order in which containers get them (Docker Compose: the
    /// same; then the same again, bold).
    pub const PREFIXES: [Colour; 10] = [
        Colour("36"),
        Colour("33"),
        Colour("32"),
        Colour("35"),
        Colour("34"),
        Colour("36;1"),
        Colour("33;1"),
        Colour("32;1"),
        Colour("35;1"),
        Colour("34;1"),
    ];

    /// `text` in this colour if `on`, else as it is.
    #[must_use]
    pub fn paint(self, text: &str, on: bool) -> String {
        match on {
            true => format!("\x1b[{}m{text}\x1b[0m", self.0),
            false => text.to_owned(),
        }
    }
}
