#!/usr/bin/env bash
# What logging costs: one gigabyte of short lines through a container beside `cat` to a file on the
# same disk, and `logs` of a million lines. These machines are noisy: compare ratios of one run.
#
# Two sources: a program that prints lines (busybox `yes | head`, on both sides, as containers print
# them), and a file that is there already, which `cat` copies within the kernel. What cannot be had
# cheaper is shown, too: the same file through a pipe into a file, as every log must take it, and as
# many bytes as Docker's format makes of it written to a file.
#
# usage: tests/bench/logs.sh [ROUNDS]     COMPOSE=path/to/compose (default: a release build)
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-3}
compose=${COMPOSE:-}
if [ -z "$compose" ]; then
    cargo build --quiet --release
    compose=$({ ls -t target/*/release/compose 2>/dev/null || true; } | head -1)
fi
compose=$(realpath "$compose")
fixture=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}/busybox.tar

work=$(mktemp -d)
export COMPOSE_DATA_ROOT=$work/data COMPOSE_RUN_ROOT=$work/run
trap 'cd "$work/project" && "$compose" down -t 0 >/dev/null 2>&1; cd / && rm -rf "$work"' EXIT
mkdir "$work/project"
cd "$work/project"
"$compose" image import "$fixture" busybox:latest >/dev/null
line='a short line of a log, as programs print them'
bytes=1073741824
(yes "$line" || true) | head -c "$bytes" >big
head -n 1000000 big >million

# service DRIVER COMMAND: a project whose one service runs COMMAND in a shell.
service() {
    cat >compose.yaml <<END
services:
  it: {image: busybox, command: [sh, -c, "$2"], volumes: ['.:/input:ro'], network_mode: none, logging: {driver: $1}}
END
}

# Seconds that a command takes.
seconds() {
    local start end
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    end=$(date +%s%N)
    echo "$(((end - start) / 1000000))" | awk '{printf "%.2f\n", $1 / 1000}'
}

least() { sort -n | head -1; }

through_a_container() { "$compose" start && "$compose" wait it; }
printed() { (busybox yes "$line" || true) | busybox head -c "$bytes" | cat >copy; }
to_a_file() { cat big >copy; }
through_a_pipe() { busybox cat big | cat >copy; }
# Each line of 46 bytes is one record of 111.
as_many_records() { head -c $((bytes / 46 * 111)) /dev/zero >copy; }

for floor in to_a_file through_a_pipe as_many_records; do
    : >"$work/floor"
    for _ in $(seq "$rounds"); do
        seconds "$floor" >>"$work/floor"
        rm copy
    done
    printf 'floor: %-16s %s s\n' "$floor" "$(least <"$work/floor")"
done

# compared WHAT COMMAND FLOOR: COMMAND in a container with each driver beside FLOOR on the host.
compared() {
    for driver in json-file local none; do
        : >"$work/file"; : >"$work/container"
        service "$driver" "$2"
        for _ in $(seq "$rounds"); do
            seconds "$3" >>"$work/file"
            rm copy
            "$compose" create >/dev/null 2>&1
            seconds through_a_container >>"$work/container"
            "$compose" down -t 0 >/dev/null 2>&1
        done
        awk -v what="$1" -v driver="$driver" -v file="$(least <"$work/file")" -v container="$(least <"$work/container")" \
            'BEGIN { printf "1 GiB, %-8s %-9s  cat to a file %5.2f s   container %5.2f s   ratio %4.1f\n", what, driver, file, container, container / file }'
    done
}
compared printed "yes '$line' | head -c $bytes" printed
compared 'a file' 'cat /input/big' to_a_file

service json-file 'cat /input/million'
"$compose" create >/dev/null 2>&1
through_a_container >/dev/null 2>&1
: >"$work/logs"
for _ in $(seq "$rounds"); do seconds "$compose" logs --no-color >>"$work/logs"; done
printf 'logs of a million lines  %s s\n' "$(least <"$work/logs")"
