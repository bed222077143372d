#!/usr/bin/env bash
# Runs the program on another machine than this one: Debian 12 in QEMU, with cgroup v2 alone,
# systemd, AppArmor and Linux 6.1.
#
#   tests/vm/run.sh                  boots, asks every suite, and powers off
#   tests/vm/run.sh SUITE...         only these: runtime host shim oci registry, or a script of
#                                    tests/vm/scenarios by its name (boot apparmor podman ...)
#   tests/vm/run.sh up               boots, and leaves it running
#   tests/vm/run.sh ssh [COMMAND]    in a machine that runs
#   tests/vm/run.sh reboot           what users do with it
#   tests/vm/run.sh push             takes the newest build to a machine that runs
#   tests/vm/run.sh down             ends it
#
# Needs root, the fixture images (tests/run.sh makes them) and 3 GB of disk. A machine that can
# run Intel's or AMD's virtualisation does it in minutes; another emulates, and takes an hour.
# Not a part of tests/run.sh for that. No packet leaves the machine; its disk is thrown away.
#
#   COMPOSE_FIXTURE_CACHE    where the machine's disk is kept; default /var/cache/compose-fixtures
#   COMPOSE_VM_PORT          its ssh, on 127.0.0.1; default 5022
#   COMPOSE_VM_FILTER        arguments for test programs, as in `limits --skip limits::io`
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/support/packages.sh
source "$top/tests/support/packages.sh"

cache=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}
port=${COMPOSE_VM_PORT:-5022}
machine=$cache/vm/$(sha256sum "$here/disk.sh" | cut -c 1-16)
running=$cache/vm/running-$port
programs=(runtime shim host oci registry)
target=$top/target/x86_64-unknown-linux-gnu/debug

say() { printf 'vm: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The disk is made once for each recipe.
ensure_disk() {
    [[ -e $machine/root.img ]] && return
    mkdir -p "$cache/vm"
    find "$cache/vm" -maxdepth 1 -name '????????????????*' -exec rm -rf {} +
    "$here/disk.sh" "$machine.new"
    mv -T "$machine.new" "$machine"
}

# built NAME: the newest test program of that name.
built() {
    local found
    found=$(find "$target/deps" -maxdepth 1 -name "$1-????????????????" -executable -printf '%T@ %p\n' |
        sort -rn | head -n 1 | cut -d ' ' -f 2)
    [[ -n $found ]] || die "$1 is not built: cargo test --no-run"
    echo "$found"
}

# The program and its tests without what debuggers need: a tenth of the size.
stripped() {
    local name
    mkdir -p "$1"
    strip -o "$1/compose" "$target/compose"
    for name in "${programs[@]}"; do strip -o "$1/$name" "$(built "$name")"; done
}

# A second disk: the checkout, the programs, and the fixtures that the tests ask for.
make_payload() {
    local stage=$running/stage image
    mkdir -p "$stage"/{checkout,cache,programs}
    git -C "$top" ls-files -z | tar -C "$top" --null -T - -c | tar -C "$stage/checkout" -x
    stripped "$stage/programs"
    for image in busybox debian; do cp -L "$cache/$image.tar" "$stage/cache/"; done
    cp -r "$cache/docker-registry" "$stage/cache/"
    mke2fs -q -t ext4 -d "$stage" -L payload "$running/payload.img" 1500M > /dev/null
    rm -rf "$stage"
}

# Virtualisation that the processor has; /dev/kvm alone says less.
acceleration() {
    if [[ -w /dev/kvm ]] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
        echo -accel kvm -cpu host
    else
        echo -accel tcg,thread=multi -cpu qemu64
    fi
}

boot() {
    local how
    read -ra how <<< "$(acceleration)"
    [[ -e $running/pid ]] && kill -0 "$(cat "$running/pid")" 2> /dev/null && die 'it runs already'
    rm -rf "$running"
    mkdir -p "$running"
    make_payload
    # `restrict`: nothing but our ssh goes in, nothing out.
    qemu-system-x86_64 "${how[@]}" -smp 2 -m 3072 -nodefaults -display none \
        -kernel "$machine/vmlinuz" -initrd "$machine/initrd" \
        -append 'root=/dev/vda rw console=ttyS0 panic=-1 quiet' \
        -serial "file:$running/console" -device virtio-rng-pci \
        -drive "file=$machine/root.img,if=virtio,format=raw,snapshot=on,cache=unsafe" \
        -drive "file=$running/payload.img,if=virtio,format=raw,snapshot=on,cache=unsafe" \
        -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
        -device virtio-net-pci,netdev=net,romfile= \
        -pidfile "$running/pid" -daemonize
    await
}

inside() {
    ssh -q -i "$machine/key" -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ConnectTimeout=20 -o ServerAliveInterval=60 root@127.0.0.1 "$@"
}

# Waits for a machine that boots; `systemctl` knows when it is done.
await() {
    local started=$SECONDS
    # Degraded, where a unit failed, is as good as running.
    until [[ $(inside systemctl is-system-running --wait 2> /dev/null) =~ running|degraded ]]; do
        kill -0 "$(cat "$running/pid")" 2> /dev/null || die "it died: see $running/console"
        ((SECONDS - started < 900)) || die "it does not boot: see $running/console"
        sleep 2
    done
    inside "set -e; mkdir -p /payload '$top' '$cache'; mountpoint -q /payload || {
        mount LABEL=payload /payload
        mount --bind /payload/checkout '$top'; mount --bind /payload/cache '$cache'
        mkdir -p '$target'; ln -sfn /payload/programs/compose '$target/compose'; }
        cmp -s /payload/programs/compose /usr/local/bin/compose ||
            install /payload/programs/compose /usr/local/bin/compose"
    say "up after $((SECONDS - started)) s"
}

push() {
    local programs_new=$running/programs
    stripped "$programs_new"
    tar -C "$programs_new" -c . | zstd -q -3 -T0 | inside 'cd /payload/programs; rm -f -- *; zstd -dqc | tar x'
    inside install /payload/programs/compose /usr/local/bin/compose
    git -C "$top" ls-files -z tests | tar -C "$top" --null -T - -c | inside "tar -C '$top' -x"
    rm -rf "$programs_new"
}

reboot() {
    local boot
    boot=$(inside cat /proc/sys/kernel/random/boot_id)
    inside systemctl reboot || true
    for _ in $(seq 300); do
        sleep 2
        [[ $(inside cat /proc/sys/kernel/random/boot_id 2> /dev/null) =~ ^....+$ ]] || continue
        [[ $(inside cat /proc/sys/kernel/random/boot_id) == "$boot" ]] || break
    done
    await
}

down() {
    local pid
    pid=$(cat "$running/pid" 2> /dev/null) || return 0
    inside systemctl poweroff 2> /dev/null || true
    for _ in $(seq 120); do
        kill -0 "$pid" 2> /dev/null || { rm -rf "$running"; return; }
        sleep 1
    done
    kill "$pid"
    rm -rf "$running"
}

# suite NAME: prints what it says; the names of what failed go to `failed`.
failed=()
suite() {
    local name=$1 log=$running/$1.log started=$SECONDS words=()
    # The stacks are databases and web servers of hundreds of megabytes: not emulated.
    [[ $name != host ]] || words=(--skip stacks::)
    words+=("${COMPOSE_VM_FILTER:-}")
    say "$name"
    if [[ -x $here/scenarios/$name.sh ]]; then
        "$here/scenarios/$name.sh" 2>&1 | tee "$log" || failed+=("$name")
    else
        inside "cd '$top' && PATH=$cache/docker-registry/usr/bin:\$PATH COMPOSE_FIXTURE_CACHE=$cache \
            /payload/programs/$name --test-threads=2 ${words[*]}" 2>&1 | tee "$log" |
            grep -E '^test |^running|^test result' || true
        # The machine goes, and what it said with it.
        grep -q '^test result.*[: ]0 failed' "$log" || {
            sed -n '/^failures:/,/^failures:/p' "$log" | head -n 200
            failed+=("$name: $(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | sort -u | paste -sd ' ')")
        }
    fi
    say "$name: $((SECONDS - started)) s, everything it said is in $log"
}

main() {
    need qemu-system-x86_64:qemu-system-x86,ipxe-qemu,seabios mmdebstrap mke2fs:e2fsprogs \
        ssh:openssh-client strip:binutils zstd
    ensure_disk
    case ${1:-} in
        up) boot ;;
        ssh) shift; inside "$@" ;;
        push) push ;;
        reboot) reboot ;;
        down) down ;;
        *)
            local suites=("$@") name
            if [[ $# -eq 0 ]]; then
                suites=("${programs[@]}")
                for name in "$here"/scenarios/*.sh; do suites+=("$(basename "$name" .sh)"); done
            fi
            [[ -e $running/pid ]] || { boot; trap down EXIT; }
            for name in "${suites[@]}"; do suite "$name"; done
            [[ ${#failed[@]} -eq 0 ]] || { printf 'FAILED %s\n' "${failed[@]}"; exit 1; }
            echo "passed: ${suites[*]}"
            ;;
    esac
}

main "$@"
