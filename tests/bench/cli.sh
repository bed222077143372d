#!/usr/bin/env bash
# Prints how long the command line takes to start: `version`, `ps` of a project of 50 containers,
# and the completion of a service's name, each against its limit.
#
# usage: tests/bench/cli.sh [ROUNDS]      COMPOSE=path/to/compose (default: a release build)
#
# Needs root, and busybox's fixture image (fixtures/images/build.sh). The containers are created,
# not started: `ps -a` reads as much of them. Exits with 1 when a median is above its limit.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-30}
compose=${COMPOSE:-}
if [ -z "$compose" ]; then
    cargo build --release --quiet
    compose=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/compose
fi
compose=$(realpath "$compose")

work=$(mktemp -d)
export COMPOSE_DATA_ROOT=$work/data COMPOSE_RUN_ROOT=$work/run
trap '(cd "$work/project" && "$compose" down -t 0 > /dev/null 2>&1) || true; rm -rf "$work"' EXIT
mkdir -p "$work/project"
{
    echo 'name: bench'
    echo 'services:'
    for i in $(seq 50); do
        printf '  service-%s: {image: "busybox:latest", command: [sleep, infinity]}\n' "$i"
    done
} > "$work/project/compose.yaml"
"$compose" image import "${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}/busybox.tar" busybox:latest > /dev/null
cd "$work/project"
"$compose" --progress quiet create

# Median of a command, in hundredths of a millisecond.
median() {
    local start end
    for _ in $(seq "$rounds"); do
        start=$(date +%s%N)
        "$@" > /dev/null
        end=$(date +%s%N)
        echo $(((end - start) / 10000))
    done | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

failed=0
floor=$(median /bin/true)
printf 'a process that does nothing    %6s ms (is part of each)\n' "$(awk "BEGIN {print $floor / 100}")"
row() {
    local name=$1 limit=$2 got
    shift 2
    got=$(median "$@")
    printf '%-30s %6s ms   limit %2s ms\n' "$name" "$(awk "BEGIN {print $got / 100}")" "$limit"
    [ "$got" -le $((limit * 100)) ] || failed=1
}
row 'version' 3 "$compose" version
row 'ps, 50 containers' 15 "$compose" ps -a
row 'completion of a service' 20 env COMPOSE_COMPLETE=bash _CLAP_COMPLETE_INDEX=2 "$compose" -- compose up service-4
exit $failed
