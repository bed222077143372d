#!/usr/bin/env bash
# What images cost: pulls and builds, beside docker, podman, skopeo and buildah where they are.
#
#   tests/bench/images.sh [RUNS]     as root, with the binary of `cargo build --release`, or $COMPOSE
#
# Needs the fixture images in the local registry (fixtures/images/build.sh). Prints one line for each
# measurement: what, the median in milliseconds, and the ratio to ours.
#
# Runs in namespaces of its own, with a registry and a Docker daemon of its own in them: what these
# mount, or write into packet filters, is gone with them. Everything is written to a new file system,
# and nothing is deleted between runs: ext4 does not give a deleted file's number away again for
# minutes, and the search for another would be what is measured.
set -euo pipefail

[[ -n ${COMPOSE_BENCH_INSIDE:-} ]] ||
    COMPOSE_BENCH_INSIDE=1 exec unshare --net --mount --propagation private "$0" "$@"
ip link set lo up

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
runs=${1:-3}
compose=${COMPOSE:-$({ ls -t "$top"/target/*/release/compose 2> /dev/null || true; } | head -1)}
[[ -x $compose ]] || { echo 'no release binary: cargo build --release' >&2; exit 1; }
port=${COMPOSE_FIXTURE_PORT:-5000}
registry=127.0.0.1:$port
images=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}/registry

work=$(mktemp -d "${TMPDIR:-/var/tmp}/compose-bench.XXXXXX")
engine=
device=
stop_docker() {
    [[ -n $engine ]] || return 0
    kill "$engine" && wait "$engine" || true
    engine=
}
finish() {
    stop_docker
    find /sys/fs/cgroup -depth -path '*/compose-bench*' -type d -exec rmdir {} + 2> /dev/null || true
    "$top/tests/support/registry.sh" stop "$images" "$port"
    cd /
    umount -Rl "$work" 2> /dev/null || true
    losetup --detach "$device" 2> /dev/null || true
    rm -rf "$work" "$work.disk"
}
trap finish EXIT
truncate -s 40G "$work.disk"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 -N 2000000 "$work.disk"
# Direct, as a disk is: else each page that is written back is copied once more.
device=$(losetup --find --show --direct-io=on "$work.disk")
mount "$device" "$work"
"$top/tests/support/registry.sh" start "$images" "$port"
export COMPOSE_MIRRORS=docker.io=http://$registry
turn=0
ours() { COMPOSE_DATA_ROOT=$work/data$turn COMPOSE_RUN_ROOT=$work/run$turn "$compose" "$@"; }
now() { echo $(($(date +%s%N) / 1000)); }

# median SETUP COMMAND: sets `took` to the microseconds of COMMAND, each time after SETUP and with
# nothing left to write.
median() {
    local setup=$1 begun times=()
    shift
    for _ in $(seq "$runs"); do
        $setup > /dev/null 2>&1 || true
        sync -f "$work"
        begun=$(now)
        "$@" > /dev/null 2> "$work/err" || { cat "$work/err" >&2; echo "bench: $* failed" >&2; return 1; }
        times+=($(($(now) - begun)))
    done
    took=$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((runs + 1) / 2))p")
}

base=1
report() {
    printf '%-44s %9.1f ms   %5.2f of ours\n' "$1" "$(bc <<< "scale=1; $took / 1000")" "$(bc <<< "scale=2; $took / $base")"
}
first() { base=$took; report "$1"; }

empty() { turn=$((turn + 1)); }
docker() { "$client" -H "unix://$work/docker.sock" "$@"; }
has_docker() { [[ -n $engine ]]; }
# BuildKit needs a client that has it built in, or its plugin.
knows_buildkit() { DOCKER_BUILDKIT=1 "$1" build --help 2>&1 | grep -q -- --secret; }
start_docker() {
    command -v dockerd > /dev/null || return 0
    dockerd --data-root "$work/docker$turn" --exec-root "$work/docker-run" --pidfile "$work/docker.pid" \
        --host "unix://$work/docker.sock" --cgroup-parent compose-bench > "$work/docker.log" 2>&1 &
    engine=$!
    client=$(type -ap docker | while read -r it; do knows_buildkit "$it" && echo "$it" && break; done)
    client=${client:-$(command -v docker)}
    for _ in $(seq 300); do
        docker info > /dev/null 2>&1 && return
        kill -0 "$engine" 2> /dev/null || break
        sleep 0.1
    done
    tail -n 5 "$work/docker.log" >&2
    engine=
}
start_docker
empty_docker() { stop_docker; empty; start_docker; }
copy_at() { skopeo copy -q --src-tls-verify=false "$1" "dir:$work/dir$turn"; }
podman_at() { podman --root="$work/podman$turn" --runroot="$work/podman-run" --cgroup-manager=cgroupfs "$@"; }

for image in mysql:5.7 wordpress:latest; do
    median empty ours image pull -q "$image"
    first "pull $image: compose"
    if command -v skopeo > /dev/null; then
        median empty copy_at "docker://$registry/library/$image"
        report "pull $image: skopeo, not unpacked"
    fi
    if has_docker; then
        median empty_docker docker pull -q "$registry/library/$image"
        report "pull $image: docker"
    fi
    if command -v podman > /dev/null; then
        median empty podman_at pull -q --tls-verify=false "$registry/library/$image"
        report "pull $image: podman"
    fi
done

# Memory does not grow with the size of a layer.
python3 - "$compose" "$work" << 'END'
import os, resource, subprocess, sys
env = dict(os.environ, COMPOSE_DATA_ROOT=f"{sys.argv[2]}/memory", COMPOSE_RUN_ROOT=f"{sys.argv[2]}/memory-run")
subprocess.run([sys.argv[1], "image", "pull", "-q", "wordpress"], env=env, check=True, stdout=subprocess.DEVNULL)
print(f"{'memory of the largest pull':44} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:9.1f} MiB")
END

mkdir "$work/node" "$work/five"
cp -r "$top"/fixtures/images/node-app/. "$work/node"
# Nothing to download: there is no network here, and a build from the cache does not look.
python3 - "$work/node/package.json" << 'END'
import json, sys
app = json.load(open(sys.argv[1]))
app.pop("dependencies", None)
json.dump(app, open(sys.argv[1], "w"))
END
if ours image pull -q node:16.13.2 > /dev/null 2>&1; then
    ours image build -q -t node-web-app "$work/node" > /dev/null
    median true ours image build -q -t node-web-app "$work/node"
    first 'build of the Node application, cached: compose'
    if has_docker; then
        docker pull -q "$registry/library/node:16.13.2" > /dev/null && docker tag "$registry/library/node:16.13.2" node:16.13.2
        docker build -q -t node-web-app "$work/node" > /dev/null
        median true docker build -q -t node-web-app "$work/node"
        report 'build of the Node application, cached: docker'
        if DOCKER_BUILDKIT=1 docker build -q -t node-web-app "$work/node" > /dev/null 2>&1; then
            DOCKER_BUILDKIT=1 median true docker build -q -t node-web-app "$work/node"
            report 'the same: docker with BuildKit'
        fi
    fi
else
    echo 'node:16.13.2 is not in the registry: fixtures/images/build.sh node'
fi

printf 'FROM busybox\nWORKDIR /app\nCOPY file .\nRUN echo one > one\nRUN echo two > two\nCMD ["sh"]\n' > "$work/five/Dockerfile"
echo content > "$work/five/file"
ours image pull -q busybox > /dev/null
median true ours image build -q --no-cache -t five "$work/five"
first 'five steps, cold: compose'
if has_docker; then
    docker pull -q "$registry/library/busybox" > /dev/null && docker tag "$registry/library/busybox" busybox
    median true docker build -q --no-cache -t five "$work/five"
    report 'five steps, cold: docker'
    if DOCKER_BUILDKIT=1 docker build -q -t five "$work/five" > /dev/null 2>&1; then
        DOCKER_BUILDKIT=1 median true docker build -q --no-cache -t five "$work/five"
        report 'the same: docker with BuildKit'
    fi
fi
if command -v buildah > /dev/null; then
    storage=(--root="$work/buildah" --runroot="$work/buildah-run" --storage-driver=vfs)
    buildah "${storage[@]}" pull -q --tls-verify=false "docker://$registry/library/busybox" > /dev/null 2>&1
    sed "s|^FROM busybox|FROM $registry/library/busybox|" "$work/five/Dockerfile" > "$work/five/Buildahfile"
    median true buildah "${storage[@]}" build -q --isolation=chroot --no-cache --tls-verify=false -f "$work/five/Buildahfile" "$work/five"
    report 'five steps, cold: buildah'
fi
