#!/usr/bin/env bash
# What our runtime costs against crun, with the same bundle in the same run: medians and ratios.
# These machines are noisy: compare numbers of one run only.
#
# usage: tests/bench/oci.sh [ROUNDS]      COMPOSE=path/to/compose (default: a release build)
#
# Needs root, crun and busybox-static. `container run --rm` is measured where the image busybox is
# present (compose image pull busybox).
set -euo pipefail
cd "$(dirname "$0")/../.."
# crun refuses machines that have control groups of both versions: both are measured without v2.
if mountpoint -q /sys/fs/cgroup/unified; then
    # shellcheck disable=SC2016
    exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified && exec "$@"' - "tests/bench/oci.sh" "$@"
fi
# shellcheck source=tests/support/packages.sh
source tests/support/packages.sh
need crun busybox:busybox-static python3

rounds=${1:-40}
compose=${COMPOSE:-}
if [ -z "$compose" ]; then
    cargo build --release --quiet
    compose=$(find "$PWD"/target/*/release -maxdepth 1 -name compose)
fi
work=$(mktemp -d)
cleanup() {
    "$compose" oci --root "$work/ours" delete --force bench > /dev/null 2>&1 || true
    crun --root "$work/theirs" delete --force bench > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

# A bundle whose program is the arguments.
bundle() {
    local dir=$work/$1
    shift
    mkdir -p "$dir"/rootfs/{bin,proc,sys,dev}
    cp /bin/busybox "$dir/rootfs/bin/"
    ln -s busybox "$dir/rootfs/bin/true"
    ln -s busybox "$dir/rootfs/bin/sleep"
    "$compose" oci spec --bundle "$dir"
    python3 - "$dir/config.json" "$@" << 'END'
import json, sys
path, *arguments = sys.argv[1:]
config = json.load(open(path))
# Old versions of crun know no newer one.
config["ociVersion"] = "1.0.2"
config["process"]["terminal"] = False
config["process"]["args"] = arguments
json.dump(config, open(path, "w"))
END
}

# Microseconds of a command; fails when it does.
micros() {
    local start end
    start=$(date +%s%N)
    "$@" > /dev/null < /dev/null
    end=$(date +%s%N)
    echo $(((end - start) / 1000))
}

median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# row NAME LIMIT OURS THEIRS: the medians of two files, their ratio, and what it may be.
row() {
    awk -v name="$1" -v limit="$2" -v ours="$(median "$work/$3")" -v theirs="$(median "$work/$4")" \
        'BEGIN {
            printf "%-24s ours %7.2f ms   crun %7.2f ms   ratio %.2f (goal: at most %s)\n",
                name, ours / 1000, theirs / 1000, ours / theirs, limit
        }'
}

ours=("$compose" oci --root "$work/ours")
theirs=(crun --root "$work/theirs")
bundle short true
bundle long sleep 100000
for _ in $(seq "$rounds"); do
    micros "${ours[@]}" run --bundle "$work/short" bench >> "$work/run-ours"
    micros "${theirs[@]}" run --bundle "$work/short" bench >> "$work/run-theirs"
done
row run 0.7 run-ours run-theirs

"${ours[@]}" run --detach --bundle "$work/long" bench > /dev/null 2>&1 < /dev/null
"${theirs[@]}" run --detach --bundle "$work/long" bench > /dev/null 2>&1 < /dev/null
for _ in $(seq "$rounds"); do
    micros "${ours[@]}" exec bench true >> "$work/exec-ours"
    micros "${theirs[@]}" exec bench true >> "$work/exec-theirs"
done
row exec 0.8 exec-ours exec-theirs

if "$compose" image inspect busybox > /dev/null 2>&1; then
    for _ in $(seq "$rounds"); do
        micros "$compose" container run --rm busybox true >> "$work/container"
        micros "$compose" container run --rm --network none busybox true >> "$work/alone"
        micros "${theirs[@]}" run --bundle "$work/short" bundle >> "$work/bundle"
    done
    row 'container run --rm' 1.2 container bundle
    row '  without a network' 1.2 alone bundle
else
    echo 'container run --rm: the image busybox is not present'
fi
