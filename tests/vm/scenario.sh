# shellcheck shell=bash
# What the scenarios are written with: each runs on this side, and its commands in the machine.
set -euo pipefail
vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}

# vm COMMAND: in the machine, as a login of its own.
vm() { "$vm_dir/run.sh" ssh "$@"; }

# says WHAT OUTPUT COMMAND: the command succeeds and prints exactly this.
says() {
    local what=$1 wanted=$2 said
    shift 2
    said=$(vm "$@" 2>&1) || true
    if [[ $said != "$wanted" ]]; then
        printf 'FAILED %s\nwanted: %s\nsaid: %s\n' "$what" "$wanted" "$said"
        exit 1
    fi
    echo "ok $what"
}

# contains WHAT PART COMMAND: what the command prints, on either stream, has this in it.
contains() {
    local what=$1 part=$2 said
    shift 2
    said=$(vm "$@" 2>&1) || true
    if [[ $said != *"$part"* ]]; then
        printf 'FAILED %s\nwanted: …%s…\nsaid: %s\n' "$what" "$part" "$said"
        exit 1
    fi
    echo "ok $what"
}

# begin NAME: an empty directory /srv/NAME, whose compose.yaml comes from standard input.
begin() {
    vm "compose image import $cache/busybox.tar busybox:latest -c 'CMD [\"sh\"]' > /dev/null
        for id in \$(compose container ls -aq); do compose container rm -f \$id; done > /dev/null
        rm -rf /srv/$1; mkdir -p /srv/$1; cat > /srv/$1/compose.yaml"
}
