//! A build's progress as BuildKit's clients read it: `--progress rawjson`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::Digest;
use crate::build::Event;
use crate::image::hash::sha256;

/// A step as the events before have told.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// As in `[build 2/5] RUN make`.
    pub name: String,
    /// When it began.
    pub started: Timestamp,
}

/// What one event looks like (BuildKit: client.SolveStatus).
#[must_use]
pub fn status(build: &str, event: &Event<'_>, vertex: &Vertex, now: Timestamp) -> Value {
    let digest = digest(build, super::show::number(event), &vertex.name);
    let about = |more: Value| {
        let mut about = json!({
            "digest": digest, "name": vertex.name, "started": vertex.started.to_string(),
        });
        if let (Some(about), Value::Object(more)) = (about.as_object_mut(), more) {
            about.extend(more);
        }
        json!({"vertexes": [about]})
    };
    let completed = now.to_string();
    match event {
        Event::Started { .. } => about(json!({})),
        Event::Done { cached: true, .. } => about(json!({"completed": completed, "cached": true})),
        Event::Done { cached: false, .. } => about(json!({"completed": completed})),
        Event::Failed { .. } => about(json!({"completed": completed, "error": "failed"})),
        Event::Output { text, .. } => json!({"logs": [{
            "vertex": digest, "stream": 1, "data": STANDARD.encode(text), "timestamp": completed,
        }]}),
    }
}

/// The same for all events of one step.
fn digest(build: &str, number: usize, name: &str) -> Digest {
    sha256(format!("{build}\0{number}\0{name}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_look_as_buildkits() {
        let (begun, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(2).unwrap());
        let vertex = Vertex { name: "[1/2] RUN x".to_owned(), started: begun };
        let of = |event: Event<'_>| status("web", &event, &vertex, now);
        let started = of(Event::Started { step: 1, name: "[1/2] RUN x" });
        let log = of(Event::Output { step: 1, text: b"hi\n" });
        let done = of(Event::Done { step: 1, cached: true });
        let about = &started["vertexes"][0];
        assert_eq!(about["name"], "[1/2] RUN x");
        assert_eq!(log["logs"][0]["vertex"], about["digest"]);
        assert_eq!(log["logs"][0]["data"], "aGkK");
        let done = &done["vertexes"][0];
        assert_eq!(
            (&done["cached"], &done["completed"]),
            (&json!(true), &json!("1970-01-01T00:00:02Z"))
        );
    }
}
