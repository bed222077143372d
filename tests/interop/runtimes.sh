#!/usr/bin/env bash
# Has Debian's podman and Docker run containers with our runtime.
#
#   tests/interop/runtimes.sh     with the binary of `cargo build`, or $COMPOSE
#
# Needs root, and installs the packages podman and docker.io. Everything lies in a directory of
# its own; dockerd and its containerd are started here, and ended here by their ids. Prints a line
# for each thing that works, and fails at the first one that does not.
set -euo pipefail
cd "$(dirname "$0")/../.."
compose=${COMPOSE:-$(find "$PWD"/target/*/debug -maxdepth 1 -name compose)}
# shellcheck source=tests/support/packages.sh
source tests/support/packages.sh
need podman docker:docker.io dockerd:docker.io containerd busybox:busybox-static

work=$(mktemp -d)
daemon=
cleanup() {
    [ -z "$daemon" ] || { kill "$daemon" 2> /dev/null && wait "$daemon"; } || true
    rm -rf --one-file-system "$work" || true
}
trap cleanup EXIT

ln -s "$compose" "$work/compose-oci"
mkdir -p "$work"/root/{bin,etc,proc,sys,dev,tmp}
cp /bin/busybox "$work/root/bin/"
for applet in sh cat id sleep echo tty touch ps true; do
    ln -s busybox "$work/root/bin/$applet"
done
tar -C "$work/root" -cf "$work/image.tar" .

# expect WHAT OUTPUT CODE COMMAND…: the command prints (among others) and ends as expected.
expect() {
    local what=$1 output=$2 code=$3 said ended=0
    shift 3
    said=$("$@" 2>&1) || ended=$?
    if [ "$ended" != "$code" ] || [[ $said != *$output* ]]; then
        printf 'FAILED %s: %s\nended with %s, said:\n%s\n' "$what" "$*" "$ended" "$said"
        exit 1
    fi
    echo "ok $what"
}

# What both are asked for; `$name` is the tool, the arguments are its command.
both() {
    local name=$1
    shift
    local run=("$@" run --network none "${options[@]}")
    expect "$name run" hello 0 "${run[@]}" --rm image echo hello
    expect "$name exit code" '' 42 "${run[@]}" --rm image sh -c 'exit 42'
    expect "$name -t" /dev/pts/0 0 "${run[@]}" --rm -t image tty
    expect "$name --read-only" 'Read-only file system' 1 "${run[@]}" --rm --read-only image touch /x
    expect "$name --user" 5 0 "${run[@]}" --rm --user 5:6 image id -u
    expect "$name limits" 50 0 "${run[@]}" --rm --pids-limit 50 --memory 64m image \
        cat /sys/fs/cgroup/pids/pids.max
    expect "$name missing program" 'executable file not found' 127 "${run[@]}" --rm image nothing
    expect "$name -d" '' 0 "${run[@]}" -d --name one image sh -c 'echo logged; sleep 1000'
    expect "$name exec" executed 0 "$@" exec one echo executed
    expect "$name exec exit code" '' 5 "$@" exec one sh -c 'exit 5'
    expect "$name exec -t" /dev/pts/ 0 "$@" exec -t one tty
    expect "$name logs" logged 0 "$@" logs one
    expect "$name pause" one 0 "$@" pause one
    expect "$name unpause" one 0 "$@" unpause one
    expect "$name stop" one 0 "$@" stop -t 1 one
    expect "$name rm" one 0 "$@" rm one
    expect "$name second -d" '' 0 "${run[@]}" -d --name two image sleep 1000
    expect "$name kill" two 0 "$@" kill two
    expect "$name wait" 137 0 "$@" wait two
    expect "$name rm -f" two 0 "$@" rm -f two
}

cat > "$work/storage.conf" << END
[storage]
driver = "vfs"
graphroot = "$work/podman/graph"
runroot = "$work/podman/run"
END
export CONTAINERS_STORAGE_CONF=$work/storage.conf
podman=(podman --cgroup-manager=cgroupfs --runtime "$work/compose-oci" --events-backend file --tmpdir "$work/podman/tmp")
options=()
"${podman[@]}" import --quiet "$work/image.tar" image > /dev/null
both podman "${podman[@]}"

dockerd --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker.pid" \
    -H "unix://$work/docker.sock" --bridge none --iptables=false --ip6tables=false \
    --storage-driver vfs --add-runtime "ours=$work/compose-oci" > "$work/dockerd.log" 2>&1 &
daemon=$!
docker=(docker -H "unix://$work/docker.sock")
for _ in $(seq 600); do
    "${docker[@]}" version > /dev/null 2>&1 && break
    kill -0 "$daemon" || { cat "$work/dockerd.log"; exit 1; }
    sleep 0.1
done
"${docker[@]}" import "$work/image.tar" image > /dev/null
options=(--runtime ours)
both docker "${docker[@]}"
