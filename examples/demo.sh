#!/usr/bin/env bash
# WordPress and MySQL on this machine, from nothing: a Debian 12 with Rust, as root.
#
# Installs what is missing, builds `compose`, makes the images from Debian packages, serves them
# from a local registry, and brings up examples/wordpress. Run it again and it is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/support/packages.sh
source tests/support/packages.sh

url=http://127.0.0.1:3000
port=${COMPOSE_FIXTURE_PORT:-5000}

step() { printf '\n== %s\n' "$*"; }

shows_installation_page() {
    curl -sL --max-time 10 "$url" | grep -q '<title>WordPress &rsaquo; Installation</title>'
}

# Nothing but the page itself says that the database is ready.
await_page() {
    local deadline=$((SECONDS + 180))
    until shows_installation_page; do
        if ((SECONDS > deadline)); then
            "$compose" ps --all
            "$compose" logs --tail 20
            echo "WordPress did not answer on $url" >&2
            exit 1
        fi
        sleep 0.2
    done
}

[[ $(id -u) == 0 ]] || { echo 'please run this as root' >&2; exit 1; }
command -v cargo > /dev/null || { echo 'Rust is missing: https://rustup.rs' >&2; exit 1; }

step 'packages'
need cc:gcc,libc6-dev curl mmdebstrap

step 'compose'
cargo build --release
compose=${CARGO_TARGET_DIR:-$PWD/target}/$(rustc --print host-tuple)/release/compose
export COMPOSE=$compose

step 'images'
fixtures/images/build.sh mysql wordpress
export COMPOSE_MIRRORS=docker.io=http://127.0.0.1:$port

step 'up'
cd examples/wordpress
started=$SECONDS
"$compose" up -d
await_page

cat << END

WordPress answers after $((SECONDS - started)) s:

    $url

What runs, and how to take it down:

    cd examples/wordpress
    $compose ps
    $compose down
    ../../tests/support/registry.sh stop
END
