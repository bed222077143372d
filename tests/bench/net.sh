#!/usr/bin/env bash
# What the network costs: bytes from one container to another beside two network namespaces on a
# bridge made by hand, and answers to questions for a service's name from one container. These
# machines are noisy: compare numbers of one run.
#
# usage: tests/bench/net.sh [ROUNDS]      COMPOSE=path/to/compose (default: a release build)
#
# Needs root, iproute2, and busybox's fixture image (fixtures/images/build.sh).
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-5}
seconds=1
compose=${COMPOSE:-}
if [ -z "$compose" ]; then
    cargo build --release --quiet
    compose=$(find "$PWD"/target/*/release -maxdepth 1 -name compose)
fi
compose=$(realpath "$compose")
fixture=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}/busybox.tar

work=$(mktemp -d)
id=bench$$
export COMPOSE_DATA_ROOT=$work/data COMPOSE_RUN_ROOT=$work/run
cleanup() {
    (cd "$work/project" && "$compose" down -t 0 > /dev/null 2>&1) || true
    ip netns pids "$id-b" 2> /dev/null | xargs -r kill
    ip netns del "$id-a" 2> /dev/null || true
    ip netns del "$id-b" 2> /dev/null || true
    ip link del "$id" 2> /dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/project"
rustc --edition 2024 -O -C target-feature=+crt-static -o "$work/project/traffic" tests/bench/traffic.rs
cd "$work/project"
"$compose" image import "$fixture" busybox:latest > /dev/null
cat > compose.yaml << 'END'
name: bench
x-traffic: &traffic {image: busybox, volumes: ['./traffic:/traffic:ro'], stop_signal: SIGKILL}
services:
  receiver: {<<: *traffic, command: [/traffic, receive, '5000']}
  sender: {<<: *traffic, command: [sleep, infinity]}
END
"$compose" --progress quiet up -d

ip link add "$id" type bridge
ip addr add 198.18.99.1/24 dev "$id"
ip link set "$id" up
for side in a b; do
    ip netns add "$id-$side"
    ip link add "$id$side" master "$id" type veth peer name eth0 netns "$id-$side"
    ip link set "$id$side" up
    ip -n "$id-$side" link set lo up
    ip -n "$id-$side" link set eth0 up
done
ip -n "$id-a" addr add 198.18.99.2/24 dev eth0
ip -n "$id-b" addr add 198.18.99.3/24 dev eth0
ip netns exec "$id-b" ./traffic receive 5000 &
address=$("$compose" exec -T receiver hostname -i)

for _ in $(seq "$rounds"); do
    "$compose" exec -T sender /traffic send "$address:5000" "$seconds" >> ours
    ip netns exec "$id-a" ./traffic send 198.18.99.3:5000 "$seconds" >> theirs
    "$compose" exec -T sender /traffic ask receiver "$seconds" >> answers
done
best() { sort -n "$1" | tail -1; }
awk -v ours="$(best ours)" -v theirs="$(best theirs)" 'BEGIN {
    printf "container to container  %.2f Gbit/s   by hand %.2f Gbit/s   ratio %.2f (goal: at least 1)\n", ours, theirs, ours / theirs
}'
echo "answers to questions for names, from one container: $(best answers) a second (goal: at least 40000)"
