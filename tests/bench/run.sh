#!/usr/bin/env bash
# Prints medians of what users wait for, and ratios to Docker Compose and podman where those are
# installed and running. These machines are noisy: compare numbers of one run only.
#
# usage: tests/bench/run.sh [ROUNDS]      COMPOSE=path/to/compose (default: a release build)
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-5}
compose=${COMPOSE:-}
work=$(mktemp -d)
trap 'cleanup' EXIT

cleanup() {
    for dir in "$work"/project-*; do
        [ -d "$dir" ] && (cd "$dir" && "$compose" down -t 0 >/dev/null 2>&1) || true
    done
    rm -rf "$work"
}

# A stack of N small services that end at once when asked to.
project() {
    local n=$1 dir="$work/project-$1"
    mkdir -p "$dir"
    {
        echo 'services:'
        for i in $(seq "$n"); do
            printf '  s%s: {image: "busybox:latest", command: [sleep, infinity], stop_signal: SIGKILL}\n' "$i"
        done
    } >"$dir/compose.yaml"
    echo "$dir"
}

# Milliseconds that a command takes, with its output thrown away.
millis() {
    local start end
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    end=$(date +%s%N)
    echo $(((end - start) / 10000))
}

median() { sort -n | awk '{v[NR]=$1} END {m=v[int((NR+1)/2)]; printf "%d.%02d", m/100, m%100}'; }

# Medians of `up -d`, a second `up -d`, `exec` and `down` for one tool and one stack size.
measure() {
    local name=$1 n=$2 dir
    shift 2
    dir=$(project "$n")
    cd "$dir"
    : >"$work/up"; : >"$work/noop"; : >"$work/exec"; : >"$work/down"
    for _ in $(seq "$rounds"); do
        millis "$@" up -d >>"$work/up"
        millis "$@" up -d >>"$work/noop"
        millis "$@" exec -T s1 true >>"$work/exec"
        millis "$@" down -t 0 >>"$work/down"
    done
    printf '%-16s %3d services   up -d %10s ms   again %9s ms   exec %9s ms   down %10s ms\n' \
        "$name" "$n" "$(median <"$work/up")" "$(median <"$work/noop")" \
        "$(median <"$work/exec")" "$(median <"$work/down")"
    cd - >/dev/null
}

# Resident, proportional and private memory of each shim, averaged over ten containers.
memory() {
    local dir pids
    dir=$(project 10)
    cd "$dir"
    "$compose" up -d >/dev/null 2>&1
    # A shim gives its memory back once nothing has happened for a quarter of a second.
    sleep 2
    pids=$(pgrep -f '__shim .*/containers/' || true)
    for pid in $pids; do
        awk '/^Rss:/{r=$2} /^Pss:/{p=$2} /^Private_Dirty:/{d=$2} END{print r, p, d}' "/proc/$pid/smaps_rollup"
    done | awk '{r+=$1; p+=$2; d+=$3} END {if (NR) printf "memory of a shim: resident %.0f KiB, proportional %.0f KiB, private %.0f KiB (mean of %d)\n", r/NR, p/NR, d/NR, NR}'
    "$compose" down -t 0 >/dev/null 2>&1
    cd - >/dev/null
    echo "processes left when nothing runs: $(pgrep -fc '__shim .*/containers/' || true)"
}

# Time from `up` to the first page of WordPress, its images being there.
wordpress() {
    local dir="$work/project-wordpress" start end
    mkdir -p "$dir"
    cp examples/wordpress/docker-compose.yml "$dir"/
    cd "$dir"
    "$compose" pull --quiet
    start=$(date +%s%N)
    "$compose" up -d >/dev/null 2>&1
    for _ in $(seq 600); do
        curl -sL --max-time 5 127.0.0.1:3000 2>/dev/null | grep -qi 'wordpress' && break
        sleep 0.1
    done
    end=$(date +%s%N)
    echo "WordPress and MySQL, empty data directory, up to first page: $(((end - start) / 1000000)) ms"
    "$compose" down -t 5 >/dev/null 2>&1
    cd - >/dev/null
}

if [ -z "$compose" ]; then
    cargo build --release --quiet
    compose=${CARGO_TARGET_DIR:-$PWD/target}/$(rustc --print host-tuple)/release/compose
fi
export COMPOSE_MIRRORS=${COMPOSE_MIRRORS:-docker.io=http://127.0.0.1:5000}
"$compose" image inspect busybox:latest >/dev/null 2>&1 || (cd "$(project 1)" && "$compose" pull --quiet)

start_up=$(for _ in $(seq 50); do millis "$compose" version; done | median)
echo "compose version: $start_up ms"
for n in 1 10 50; do measure compose "$n" "$compose"; done
memory
wordpress

# The others, where they run; their daemons are started by whoever wants the comparison.
if docker info >/dev/null 2>&1; then
    for n in 1 10 50; do measure 'docker compose' "$n" docker compose; done
else
    echo 'docker compose: no engine runs here'
fi
if command -v podman-compose >/dev/null; then
    for n in 1 10; do measure podman-compose "$n" podman-compose; done
else
    echo 'podman-compose: not installed'
fi
