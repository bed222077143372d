#!/usr/bin/env bash
# Containers that make control groups of their own, as Docker or systemd do in one.
# shellcheck source=tests/vm/scenario.sh
source "$(dirname "$0")/../scenario.sh"

begin nested << 'END'
services:
  it:
    image: busybox
    privileged: true
    command:
      - sh
      - -c
      - |
        mkdir -p /sys/fs/cgroup/inner/deep
        echo 1 > /sys/fs/cgroup/inner/cgroup.procs
        echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
        trap 'exit 3' TERM
        while :; do sleep 0.2; done
  host: {image: busybox, init: true, cgroup: host, command: [sleep, infinity]}
END
before=$(vm 'grep " /sys/fs/cgroup " /proc/mounts')
vm 'cd /srv/nested && compose up -d' > /dev/null 2>&1
says 'it has groups of its own' 'memory pids' \
    'cd /srv/nested && for i in $(seq 50); do t=$(cat /sys/fs/cgroup/compose/$(compose ps -q --no-trunc it)/cgroup.subtree_control); [ -n "$t" ] && break; sleep 0.2; done; echo "$t"'
says 'exec is beside its first program' 0::/inner 'cd /srv/nested && compose exec -T it cat /proc/self/cgroup'
vm 'cd /srv/nested && compose restart -t 5 it' > /dev/null 2>&1
says 'it starts again' running "cd /srv/nested && compose ps --format '{{.State}}' it"
contains 'the host group shows all groups' system.slice 'cd /srv/nested && compose exec -T host ls /sys/fs/cgroup'
says 'options of the mount outside stay' "$before" 'grep " /sys/fs/cgroup " /proc/mounts'
vm 'cd /srv/nested && compose down -t 1' > /dev/null 2>&1
