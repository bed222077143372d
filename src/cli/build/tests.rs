//! What a build prints.

use super::show::{Look, Show};
use crate::build::{Event, Progress as _};
use crate::cli::Output;

#[test]
fn plain_progress_has_a_line_for_each_event() {
    let (output, captured) = Output::captured();
    let show = Show::new(&output, Look::Plain, "web");
    show.event(Event::Started { step: 1, name: "[1/2] FROM a" });
    show.event(Event::Done { step: 1, cached: true });
    show.event(Event::Started { step: 2, name: "[2/2] RUN x" });
    show.event(Event::Output { step: 2, text: b"half" });
    show.event(Event::Failed { step: 2 });

    assert_eq!(captured.stderr(), "#1 [1/2] FROM a\n#1 CACHED\n#2 [2/2] RUN x\n#2 ERROR\n");
}
