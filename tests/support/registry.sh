#!/usr/bin/env bash
# Debian's docker-registry on loopback, with a storage directory of ours.
#
#   registry.sh start [DIR] [PORT]     does nothing where it runs already
#   registry.sh stop [DIR]
#
# DIR (default: `registry` in the fixture cache) keeps the images. Settings, log and pid file are
# per network namespace: each has its own loopback, and may have a registry on the same images.
# The program is taken out of its package and not installed: the package would start a service.
set -euo pipefail

cache=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}
command=${1:-}
dir=${2:-$cache/registry}
port=${3:-5000}
here=$dir/netns-$(readlink /proc/self/ns/net | tr -dc 0-9)
pid_file=$here/pid
config=$here/config.yml
program=$cache/docker-registry/usr/bin/docker-registry

die() { printf 'registry: %s\n' "$*" >&2; exit 1; }

# A process id may belong to another program by now.
running() {
    local pid
    pid=$(cat "$pid_file" 2> /dev/null) || return
    [[ -e /proc/$pid/cmdline ]] || return
    [[ $(tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline") == *"$config "* ]]
}

answers() { curl -sfo /dev/null "http://127.0.0.1:$port/v2/"; }

need_program() {
    [[ -x $program ]] && return
    local packages unpacked
    packages=$(mktemp -d)
    unpacked=$cache/docker-registry.new
    mkdir -p "$cache"
    rm -rf "$unpacked"
    (cd "$packages" && apt-get download -qq -o APT::Sandbox::User=root docker-registry)
    dpkg-deb -x "$packages"/docker-registry_*.deb "$unpacked"
    rm -rf "$packages"
    mv -T "$unpacked" "$cache/docker-registry"
}

write_config() {
    cat > "$config" << END
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: $dir/storage
  delete:
    enabled: true
http:
  # Only tells several registries apart from one; here there is one.
  secret: fixture
  addr: 127.0.0.1:$port
END
}

start() {
    running && answers && return
    if answers; then
        die "something else answers on 127.0.0.1:$port; stop it, or choose another port"
    fi
    need_program
    write_config
    # `9>&-`: the server must not hold the lock for as long as it lives.
    setsid "$program" serve "$config" > "$here/log" 2>&1 < /dev/null 9>&- &
    local server=$!
    echo "$server" > "$pid_file"
    for _ in $(seq 400); do
        answers && return
        # Not `running`: it may not have become that program yet.
        kill -0 "$server" 2> /dev/null || break
        sleep 0.05
    done
    tail -n 5 "$here/log" >&2
    die "does not answer on 127.0.0.1:$port"
}

stop() {
    running || return 0
    local pid
    pid=$(cat "$pid_file")
    kill "$pid"
    while running; do sleep 0.05; done
    rm -rf "$here"
}

case $command in
    start | stop)
        mkdir -p "$here"
        exec 9> "$dir/.lock"
        flock 9
        "$command"
        ;;
    *) die "usage: registry.sh start|stop [DIR] [PORT]" ;;
esac
