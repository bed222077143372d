//! Progress for pipes and programs: one line for each event.

use serde_json::{Value, json};

use crate::cli::ui::progress::Event;
use crate::cli::ui::progress::board::{Mark, image_id, is_over};
use crate::docker::go_json;
use crate::engine::{Phase, ProgressUpdate};

/// ` Container demo-web-1  Created` (Docker Compose: `--progress plain`).
pub fn plain(event: &Event<'_>) -> String {
    match event.details {
        "" => format!(" {}  {}", event.id, event.text),
        details => format!(" {}  {} {details}", event.id, event.text),
    }
}

/// ` 9b1ea0a4a0d4  Pull complete`
pub fn plain_part(update: &ProgressUpdate<'_>) -> String {
    format!(" {}  {}", update.part, words(update.phase))
}

/// `{"id":"Container demo-web-1","status":"Done","text":"Created"}` (Docker Compose:
/// `--progress json`).
pub fn json(event: &Event<'_>) -> String {
    let mut line = json!({ "id": event.id, "status": status(event.mark), "text": event.text });
    if !event.details.is_empty() {
        line["details"] = Value::from(event.details);
    }
    go_json(&line)
}

/// The same for a layer, with its bytes.
pub fn json_part(update: &ProgressUpdate<'_>) -> String {
    let over = is_over(update.phase);
    let mark = if over { Mark::Done } else { Mark::Working };
    let mut line = json!({
        "id": update.part,
        "parent_id": image_id(update.image),
        "status": status(mark),
        "text": words(update.phase),
    });
    if update.total > 0 {
        line["current"] = update.done.into();
        line["total"] = update.total.into();
        line["percent"] = (update.done.saturating_mul(100) / update.total).min(100).into();
    }
    go_json(&line)
}

fn status(mark: Mark) -> &'static str {
    match mark {
        Mark::Working => "Working",
        Mark::Done => "Done",
        Mark::Warning => "Warning",
        Mark::Failed => "Error",
    }
}

/// Docker's words.
fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "Waiting",
        Phase::Downloading => "Downloading",
        Phase::Extracting => "Extracting",
        Phase::Exists => "Already exists",
        Phase::Uploading => "Pushing",
        Phase::Uploaded => "Pushed",
        Phase::Done => "Pull complete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_pipes_and_for_programs() {
        let event =
            Event { id: "Container demo-web-1", mark: Mark::Done, text: "Created", details: "" };
        assert_eq!(plain(&event), " Container demo-web-1  Created");
        assert_eq!(
            json(&event),
            r#"{"id":"Container demo-web-1","status":"Done","text":"Created"}"#
        );
    }

    #[test]
    fn layers_tell_their_bytes() {
        let update = ProgressUpdate {
            image: "nginx",
            part: "9b1ea0a4a0d4",
            phase: Phase::Downloading,
            done: 1,
            total: 3,
        };
        assert_eq!(
            json_part(&update),
            "{\"id\":\"9b1ea0a4a0d4\",\"parent_id\":\"Image nginx\",\"status\":\"Working\",\
             \"text\":\"Downloading\",\"current\":1,\"total\":3,\"percent\":33}"
        );
    }
}
