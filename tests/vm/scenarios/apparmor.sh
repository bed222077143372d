#!/usr/bin/env bash
# Containers are confined by AppArmor, as Docker's are by docker-default.
# shellcheck source=tests/vm/scenario.sh
source "$(dirname "$0")/../scenario.sh"

begin apparmor << 'END'
services:
  it: {image: busybox, command: [sh, -c, 'trap "exit 9" TERM; while :; do sleep 0.2; done'], cap_add: [SYS_ADMIN], security_opt: [seccomp=unconfined]}
  init: {image: busybox, init: true, command: [sleep, infinity]}
  built: {build: {dockerfile_inline: "FROM busybox\nRUN cat /proc/self/attr/current > /confined"}, command: [sleep, infinity], stop_signal: KILL}
  free: {image: busybox, command: [sleep, infinity], stop_signal: KILL, security_opt: [apparmor=unconfined]}
  all: {image: busybox, command: [sleep, infinity], stop_signal: KILL, privileged: true}
  other: {image: busybox, command: [sleep, infinity], stop_signal: KILL, security_opt: [apparmor=vm-test]}
  missing: {image: busybox, profiles: [missing], security_opt: [apparmor=not-there]}
END
vm 'printf "profile vm-test flags=(attach_disconnected) { file, signal, deny /etc/hostname r, }\n" | apparmor_parser -Kr'
vm 'cd /srv/apparmor && compose up -d' > /dev/null 2>&1
for service in it:compose-default init:compose-default free:unconfined all:unconfined other:vm-test; do
    contains "$service" "${service#*:}" \
        "cd /srv/apparmor && compose exec -T ${service%:*} cat /proc/1/attr/current"
done
says 'inspect names it' compose-default \
    'cd /srv/apparmor && compose inspect --format "{{.AppArmorProfile}}" apparmor-it-1'
contains 'a command is confined too' 'compose-default (enforce)' \
    'cd /srv/apparmor && compose exec -T it cat /proc/self/attr/current'
contains 'steps of builds are confined' 'compose-default (enforce)' \
    'cd /srv/apparmor && compose exec -T built cat /confined'
contains 'process 1 of init hears its container' 'Exited (143)' \
    'cd /srv/apparmor && compose exec -T init kill 1; compose wait init > /dev/null; compose ps -a init'
contains 'mounts are denied' denied 'cd /srv/apparmor && compose exec -T it mount -t tmpfs x /tmp'
contains 'a profile of its own decides' denied 'cd /srv/apparmor && compose exec -T other cat /etc/hostname'
contains 'a missing profile is named' 'the AppArmor profile `not-there` is not loaded' \
    'cd /srv/apparmor && compose run --rm missing true'
says 'programs signal each other' 143 'cd /srv/apparmor && compose exec -T it sh -c "sleep 100 & kill \$!; wait \$!; echo \$?" 2> /dev/null'
says 'it ends by its signal' 9 'cd /srv/apparmor && compose stop it > /dev/null 2>&1; compose ps -a --format "{{.ExitCode}}" it'
vm 'cd /srv/apparmor && compose down -t 1; apparmor_parser -R /dev/stdin <<< "profile vm-test {}"' > /dev/null 2>&1
