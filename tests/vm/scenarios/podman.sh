#!/usr/bin/env bash
# Debian's podman runs containers with our runtime, with either manager of control groups.
# shellcheck source=tests/vm/scenario.sh
source "$(dirname "$0")/../scenario.sh"

vm "ln -sf /usr/local/bin/compose /usr/local/bin/compose-oci; podman import -q $cache/busybox.tar image" > /dev/null
for manager in cgroupfs systemd; do
    podman="podman --cgroup-manager=$manager --runtime /usr/local/bin/compose-oci"
    run="$podman run --network none --rm"
    says "$manager: run" hello "$run image echo hello"
    says "$manager: limits" $'50\n67108864' \
        "$run --pids-limit 50 --memory 64m image cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max"
    vm "$podman run --network none -d --name one image sleep 1000" > /dev/null
    says "$manager: exec" hello "$podman exec one echo hello"
    contains "$manager: placed" "one" "$podman ps --format '{{.Names}}'; cat /proc/\$($podman inspect -f '{{.State.Pid}}' one)/cgroup"
    says "$manager: pause" one "$podman pause one"
    says "$manager: unpause" one "$podman unpause one"
    contains "$manager: stats" one "$podman stats --no-stream --format '{{.Name}} {{.PIDs}}' one"
    says "$manager: rm" '' "$podman rm -f -t 1 one > /dev/null 2>&1"
    says "$manager: nothing is left" '' "systemctl list-units --no-legend --all 'libpod-*' | grep -v conmon || true"
done
