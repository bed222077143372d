//! `config --portable`: one file that means the same in another directory and on another machine.

use std::path::Path;

use serde_json::Value;

use super::super::model::Project;
use super::write::write;
use super::yaml;

/// Keys below which text is never a path of this machine.
const NOT_PATHS: [&str; 9] = [
    "environment",
    "labels",
    "annotations",
    "args",
    "command",
    "entrypoint",
    "content",
    "target",
    "working_dir",
];

/// The whole project in one file: paths relative to the project directory, no names that follow
/// from the project's, so that it can be put and called anywhere.
#[must_use]
pub fn to_portable(project: &Project) -> String {
    let mut value = yaml::value(project);
    let directory = project.working_dir.to_string_lossy().into_owned();
    relative(&mut value, &directory);
    if let Value::Object(top) = &mut value {
        let named = project.document.find(&["name"]).is_some_and(|node| node.span.is_some());
        if !named {
            top.shift_remove("name");
        }
        for kind in ["networks", "volumes", "secrets", "configs"] {
            let Some(Value::Object(resources)) = top.get_mut(kind) else { continue };
            for (key, resource) in resources.iter_mut() {
                let implied = format!("{}_{key}", project.name);
                if let Value::Object(resource) = resource
                    && resource.get("name").and_then(Value::as_str) == Some(&implied)
                {
                    resource.shift_remove("name");
                }
            }
        }
    }
    write(&value)
}

fn relative(value: &mut Value, directory: &str) {
    match value {
        Value::String(text) => {
            if let Ok(rest) = Path::new(text.as_str()).strip_prefix(directory) {
                *text = match rest.as_os_str().is_empty() {
                    true => ".".to_owned(),
                    false => format!("./{}", rest.display()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relative(item, directory)),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if !NOT_PATHS.contains(&key.as_str()) {
                    relative(value, directory);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{LoadRequest, Memory, load};

    #[test]
    fn the_file_works_in_another_directory() {
        let text = "services:\n  web:\n    build: ./app\n    environment: {HERE: /p/x}\n    volumes: [\"./data:/data\", \"cache:/cache\"]\nvolumes: {cache: }\n";
        let files = Memory::new().with("/p/compose.yaml", text);
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        let portable = to_portable(&load(&request, &files).project.unwrap());
        assert!(!portable.contains("name:"), "{portable}");
        let elsewhere = Memory::new().with("/q/compose.yaml", portable);
        let request = LoadRequest { working_dir: "/q".into(), ..LoadRequest::default() };
        let project = load(&request, &elsewhere).project.unwrap();
        let web = &project.services["web"];
        assert_eq!(web.build.as_ref().unwrap().context, "/q/app");
        assert_eq!(web.volumes[0].source.as_deref(), Some("/q/data"));
        assert_eq!(web.environment["HERE"].as_deref(), Some("/p/x"));
        assert_eq!(project.volumes["cache"].name, "q_cache");
    }
}
