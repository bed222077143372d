#!/usr/bin/env bash
# What systemd ends or changes takes no container with it: sessions, services, reloads.
# shellcheck source=tests/vm/scenario.sh
source "$(dirname "$0")/../scenario.sh"

begin session << 'END'
services:
  it: {image: busybox, init: true, command: [sleep, infinity], mem_limit: 64m, pids_limit: 50}
END
vm 'mkdir -p /etc/systemd/logind.conf.d
    printf "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=nobody\n" > /etc/systemd/logind.conf.d/kill.conf
    systemctl restart systemd-logind'
vm 'systemctl stop "session-*.scope" || true' > /dev/null 2>&1 || true
vm 'cd /srv/session && compose up -d && { sleep 1000 > /dev/null 2>&1 & echo $! > /run/canary; }' > /dev/null 2>&1
vm 'for i in $(seq 50); do kill -0 $(cat /run/canary) 2> /dev/null || break; sleep 0.2; done'
says 'sessions do end what they began' gone 'kill -0 $(cat /run/canary) 2> /dev/null || echo gone'
says 'a session that ends leaves containers' running "cd /srv/session && compose ps --format '{{.State}}'"
id=$(vm 'cd /srv/session && compose ps -q --no-trunc')
group=/sys/fs/cgroup/compose/$id
limits="cat $group/memory.max $group/pids.max; grep -c . $group/io.stat > /dev/null; echo io"
says 'limits hold' $'67108864\n50\nio' "$limits"
vm 'systemctl daemon-reload; systemctl daemon-reexec; systemctl restart systemd-logind'
says 'a reload leaves limits' $'67108864\n50\nio' "$limits"
says 'exec works after it' hello 'cd /srv/session && compose exec -T it echo hello'
vm 'cd /srv/session && compose down -t 1' > /dev/null 2>&1
vm 'systemd-run --quiet --wait --working-directory=/srv/session compose up -d' > /dev/null 2>&1
says 'a service that ends leaves containers' running "cd /srv/session && compose ps --format '{{.State}}'"
says 'nothing is left' '0' "cd /srv/session && compose down -t 1 > /dev/null 2>&1; ls -d /sys/fs/cgroup/compose/*/ | grep -vc /shims/"
vm 'rm -r /etc/systemd/logind.conf.d; systemctl restart systemd-logind'
