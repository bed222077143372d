//! Containers of services that are not brought up now, but live in the namespaces of one that is:
//! they start again with it, since they would be cut off in what it leaves behind.

use crate::plan::desired::{Dependency, parse_dependencies};
use crate::plan::project::{label, service_of};
use crate::resource::{Container, labels};

use super::Planner;
use super::fate::{Fate, Replica};

/// Adds them after those they live with.
pub(super) fn add<'a>(planner: &Planner<'a>, decided: &mut Vec<Replica<'a>>) {
    if !planner.options.start {
        return;
    }
    let outside = |it: &&Container| {
        let (desired, service) = (planner.desired, service_of(it));
        let goes = planner.options.remove_orphans && !desired.others.contains(service);
        !desired.services.contains_key(service) && !goes
    };
    let mut rest: Vec<&'a Container> = planner.containers().filter(outside).collect();
    rest.retain(|container| container.status.stays());
    // Whoever lives with a follower is one, too.
    while let Some((index, owner)) = find(&rest, decided) {
        let container = rest.remove(index);
        decided.push(Replica {
            service: service_of(container),
            existing: Some(container),
            spec: container.spec.clone(),
            fate: Fate::Restart,
            reason: format!("{owner}, which it is part of, starts"),
        });
    }
}

/// The first container that lives with one that is to run anew, and that one's service.
fn find<'a>(rest: &[&Container], decided: &[Replica<'a>]) -> Option<(usize, &'a str)> {
    let starts =
        |it: &&Replica<'_>| it.is_renewed() || matches!(it.fate, Fate::Create | Fate::Start);
    let owner = |container: &Container| {
        let mut owners = container.spec.namespace_owners().map(|(name, _)| name);
        owners.find_map(|name| decided.iter().filter(starts).find(|it| it.spec.name == name))
    };
    let mut found = rest.iter().enumerate();
    found.find_map(|(index, container)| Some((index, owner(container)?.service)))
}

/// What a follower depends on, as its labels say.
pub(super) fn dependencies(replica: &Replica<'_>) -> Vec<(String, Dependency)> {
    let label = replica.existing.map_or("", |container| label(container, labels::DEPENDS_ON));
    parse_dependencies(label).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use crate::plan::testing::{desired, running};
    use crate::plan::{UpOptions, check, up};
    use crate::resource::Observed;
    use crate::resource::mount::MountSource;

    fn plan_of(project: &[&str], observed: &Observed) -> String {
        let mut desired = desired(project);
        desired.others = ["app".to_owned(), "log".to_owned()].into();
        let plan = up(&desired, observed, &UpOptions::default()).unwrap();
        assert_eq!(check(&plan), Vec::<String>::new(), "{plan}");
        plan.to_string()
    }

    #[test]
    fn who_lives_in_namespaces_that_were_left_starts_again() {
        let project = ["vpn vpn:1", "app app:1 join:vpn"];
        let mut observed = running(&project);
        let app = observed.containers.iter().find(|it| it.spec.name == "p-app-1").unwrap();
        observed.left_behind.insert(app.id.clone(), "p-vpn-1".to_owned());
        assert_data_eq!(
            plan_of(&project, &observed),
            str![[r#"
#1 stop p-app-1: p-vpn-1, which it is part of, was started without it
#2 start p-app-1: p-vpn-1, which it is part of, was started without it, after #1

"#]]
        );
    }

    #[test]
    fn who_is_not_named_but_lives_with_one_that_is_replaced_starts_again() {
        let before = ["vpn vpn:1", "app app:1 join:vpn", "log log:1 join:app"];
        assert_data_eq!(
            plan_of(&["vpn vpn:2"], &running(&before)),
            str![[r#"
#1 stop p-log-1: app, which it is part of, starts
#2 stop p-app-1: vpn, which it is part of, starts, after #1
#3 stop p-vpn-1: image vpn:1 -> vpn:2, after #2
#4 remove p-vpn-1: replaced, after #3
#5 create p-vpn-1: replaced, after #4
#6 start p-vpn-1: replaced, after #5
#7 start p-app-1: vpn, which it is part of, starts, after #2 #6
#8 start p-log-1: app, which it is part of, starts, after #1 #7

"#]]
        );
    }

    #[test]
    fn who_uses_volumes_of_another_is_replaced_when_those_are_others() {
        let project = ["data data:1 anon:/data", "app app:1 from:data"];
        let mut observed = running(&project);
        let data = observed.containers.iter().find(|it| it.spec.name == "p-data-1").unwrap();
        let mut now = data.spec.clone();
        let app = observed.containers.iter_mut().find(|it| it.spec.name == "p-app-1").unwrap();
        app.spec.inherited = app.spec.inherit(app.spec.volumes_from.iter().map(|it| (it, &now)));
        assert_data_eq!(plan_of(&project, &observed), str![""]);
        for mount in &mut now.mounts {
            if let MountSource::Volume { name, .. } = &mut mount.source {
                name.push_str("-renewed");
            }
        }
        let data = observed.containers.iter_mut().find(|it| it.spec.name == "p-data-1").unwrap();
        data.spec = now;
        assert_data_eq!(
            plan_of(&project, &observed),
            str![[r#"
#1 stop p-app-1: the volumes it has from others have changed
#2 remove p-app-1: replaced, after #1
#3 create p-app-1: replaced, after #2
#4 start p-app-1: replaced, after #3

"#]]
        );
    }
}
