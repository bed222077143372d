//! Events as text and as JSON, in Docker's and in Docker Compose's shapes.

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use crate::base::text::one_line;
use crate::docker::go_json;
use crate::resource::event::{Event, EventKind};
use crate::resource::labels;

/// `2026-08-20T10:00:00.123456789+02:00 container start 4f… (image=nginx, name=web)` (Docker:
/// `docker events`).
#[must_use]
pub fn docker_line(event: &Event, zone: &TimeZone) -> String {
    let time = event.time.to_zoned(zone.clone());
    let attributes = pairs(event.attributes.iter().map(|(key, value)| (key.as_str(), value)));
    format!(
        "{}{} {} {} {} ({attributes})",
        time.strftime("%Y-%m-%dT%H:%M:%S%.9f"),
        offset(&time),
        event.kind.as_str(),
        one_line(&event.action),
        event.id
    )
}

/// The object that Docker's Engine API streams (API 1.50).
#[must_use]
pub fn docker_json(event: &Event) -> Json {
    let mut shape = Map::new();
    let mut set = |field: &str, value: Json| drop(shape.insert(field.to_owned(), value));
    if event.kind == EventKind::Container {
        set("status", json!(event.action));
        set("id", json!(event.id));
        set("from", json!(event.attributes.get("image").map_or("", String::as_str)));
    }
    set("Type", json!(event.kind.as_str()));
    set("Action", json!(event.action));
    set("Actor", json!({"ID": event.id, "Attributes": event.attributes}));
    set("scope", json!("local"));
    set("time", json!(event.time.as_second()));
    set("timeNano", json!(i64::try_from(event.time.as_nanosecond()).unwrap_or(i64::MAX)));
    Json::Object(shape)
}

/// `2026-08-20 10:00:00.123456 container start 4f… (image=nginx, name=demo-web-1)`.
#[must_use]
pub fn compose_line(event: &Event, zone: &TimeZone) -> String {
    let time = event.time.to_zoned(zone.clone());
    let time = time.strftime("%Y-%m-%d %H:%M:%S%.6f");
    let (kind, action, id) = (event.kind.as_str(), one_line(&event.action), &event.id);
    format!("{time} {kind} {action} {id} ({})", pairs(own(event)))
}

/// One line of `compose events --json`.
#[must_use]
pub fn compose_json(event: &Event, zone: &TimeZone) -> String {
    let time = event.time.to_zoned(zone.clone());
    let attributes: Map<String, Json> =
        own(event).map(|(key, value)| (key.to_owned(), json!(value))).collect();
    go_json(&json!({
        "action": event.action,
        "attributes": attributes,
        "id": event.id,
        "service": event.attributes.get(labels::SERVICE).map_or("", String::as_str),
        "time": format!("{}{}", time.strftime("%Y-%m-%dT%H:%M:%S%.f"), offset(&time)),
        "type": event.kind.as_str(),
    }))
}

/// How far a zone is from Greenwich (Go: `Z07:00`).
fn offset(time: &jiff::Zoned) -> String {
    match time.offset().seconds() {
        0 => "Z".to_owned(),
        _ => time.strftime("%:z").to_string(),
    }
}

/// Attributes without the labels that tie a container to its project.
fn own(event: &Event) -> impl Iterator<Item = (&str, &String)> {
    let all = event.attributes.iter().map(|(key, value)| (key.as_str(), value));
    all.filter(|(key, _)| !key.starts_with("com.docker.compose."))
}

fn pairs<'a>(attributes: impl Iterator<Item = (&'a str, &'a String)>) -> String {
    let shown = |(key, value): (&str, &String)| format!("{}={}", one_line(key), one_line(value));
    attributes.map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_an_image_has_no_power_over_the_terminal() {
        let event = event().with("label", "\x1b]0;x\x07\n2026-08-20 all is well");
        let line = compose_line(&event, &TimeZone::UTC);
        assert!(line.contains("label=^[]0;x^G 2026-08-20 all is well"), "{line}");
    }

    fn event() -> Event {
        let event = Event::now(EventKind::Container, "start", "4f")
            .with("name", "demo-web-1")
            .with("image", "nginx")
            .with(labels::SERVICE, "web");
        Event { time: "2026-08-20T10:00:00.123456789Z".parse().unwrap(), ..event }
    }

    #[test]
    fn one_event_in_four_shapes() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(
            docker_line(&event(), &zone),
            "2026-08-20T12:00:00.123456789+02:00 container start 4f \
             (com.docker.compose.service=web, image=nginx, name=demo-web-1)"
        );
        assert_eq!(
            compose_line(&event(), &zone),
            "2026-08-20 12:00:00.123456 container start 4f (image=nginx, name=demo-web-1)"
        );
        assert_eq!(
            compose_json(&event(), &zone),
            r#"{"action":"start","attributes":{"image":"nginx","name":"demo-web-1"},"id":"4f","service":"web","time":"2026-08-20T12:00:00.123456789+02:00","type":"container"}"#
        );
        let utc = compose_json(&event(), &TimeZone::UTC);
        assert!(utc.contains("\"time\":\"2026-08-20T10:00:00.123456789Z\""), "{utc}");
        let json = docker_json(&event());
        let fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["status", "id", "from", "Type", "Action", "Actor", "scope", "time", "timeNano"]
        );
        assert_eq!(json["timeNano"], 1_787_220_000_123_456_789_i64);
    }
}
