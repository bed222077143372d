//! Damaged records: what they say is never done to anything but their own container.
//!
//! Each scenario runs in a PID namespace of its own, so that a command that goes wrong ends
//! nothing of this machine.

use crate::world::{COMPOSE, World};

/// Runs a script as process 1 of a PID namespace of its own, in the default project.
fn apart(world: &World, script: &str) -> crate::world::Done {
    let mut command = world.command(&world.project(), "unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", script]);
    world.run(command.env("COMPOSE", COMPOSE))
}

#[test]
fn a_bundle_that_names_no_control_group_ends_no_process_of_others() {
    let world = World::new();
    world.compose_yaml("services: {web: {image: busybox, command: sleep infinity}}");
    for damage in ["{}", "", "{\"spec\":{\"linux\":{\"cgroupsPath\":\"/\"}}}", "[", "\\0\\0\\0\\0"]
    {
        let script = format!(
            r#"
            sleep 1000 & other=$!
            "$COMPOSE" up -d --quiet-pull
            id=$("$COMPOSE" ps -q)
            for process in /proc/[0-9]*; do
                case "$(tr '\\0' ' ' < "$process/cmdline")" in
                    sh*) ;;
                    *__shim*"$id"*) kill -9 "${{process#/proc/}}" ;;
                esac
            done
            printf '{damage}' > "$COMPOSE_DATA_ROOT/containers/$id/bundle.json"
            "$COMPOSE" down -t 1
            kill -0 "$other"
            for file in $(find /sys/fs/cgroup -path "*/compose/$id*" -name cgroup.procs); do
                test -z "$(cat "$file")"
            done
            echo others are alive
            "#
        );
        let done = apart(&world, &script);
        assert!(
            done.stdout.contains("others are alive"),
            "{damage}: {}{}",
            done.stdout,
            done.stderr
        );
    }
}
