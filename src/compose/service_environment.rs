//! Variables that are named without a value take the value of the project's environment.

use super::environment::Environment;
use super::node::{Node, Scalar, ScalarKind, Value};

/// Gives names without a value in `environment` and `build.args` the project's value. Names that
/// have none there stay without one.
pub fn take_over(root: &mut Node, environment: &Environment) {
    let Some(Value::Mapping(services)) = root.get_mut("services").map(|it| &mut it.value) else {
        return;
    };
    for entry in services.values_mut() {
        let service = &mut entry.node;
        if let Some(node) = service.get_mut("environment") {
            fill(node, environment);
        }
        if let Some(node) = service.get_mut("build").and_then(|it| it.get_mut("args")) {
            fill(node, environment);
            // An argument without a value is no argument.
            if let Value::Mapping(arguments) = &mut node.value {
                arguments.retain(|_, entry| !entry.node.is_null());
            }
        }
        for kind in ["pre_start", "post_start", "pre_stop"] {
            let Some(Value::Sequence(hooks)) = service.get_mut(kind).map(|it| &mut it.value) else {
                continue;
            };
            for hook in hooks {
                if let Some(node) = hook.get_mut("environment") {
                    fill(node, environment);
                }
            }
        }
    }
}

fn fill(node: &mut Node, environment: &Environment) {
    let Value::Mapping(mapping) = &mut node.value else { return };
    for (name, entry) in mapping {
        if entry.node.is_null()
            && let Some(value) = environment.get(name)
        {
            let text = value.to_owned();
            entry.node.value = Value::Scalar(Scalar { text, kind: ScalarKind::Text });
        }
    }
}
