#!/usr/bin/env bash
# Sets up a Debian machine and passes every test: tests/run.sh [ARGUMENTS OF CARGO TEST]
#
# Needs Rust and root. Installs packages, makes the fixture images once (outside the checkout,
# see fixtures/images/build.sh), and leaves no process behind. Safe to run again, and beside
# another run.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/support/packages.sh
source tests/support/packages.sh

step() { printf '\n== %s\n' "$*"; }

# The images' names in compose files are those of the public registry.
export COMPOSE_FIXTURE_CACHE=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}
export COMPOSE_FIXTURE_PORT=${COMPOSE_FIXTURE_PORT:-5000}
export COMPOSE_MIRRORS=docker.io=http://127.0.0.1:$COMPOSE_FIXTURE_PORT

step 'packages'
need cc:gcc,libc6-dev curl ip:iproute2 nft:nftables iptables strace mmdebstrap unshare:util-linux \
    shellcheck busybox:busybox-static crun script:bsdutils openssl python3 git xz:xz-utils bzip2 zstd ps:procps
command -v cargo > /dev/null || { echo 'Rust is missing: https://rustup.rs' >&2; exit 1; }

step 'format and lints'
cargo fmt --check
cargo clippy --quiet --all-targets -- -D warnings
mapfile -t scripts < <(
    git ls-files '*.sh' .ci/run 'examples/**/*.cgi'
    git grep -lE '^#!.*/(ba)?sh' -- 'fixtures/images/**/local/bin/*'
)
shellcheck --external-sources --severity=warning "${scripts[@]}"

step 'program'
cargo build --quiet

step 'fixture images'
fixtures/images/build.sh

step 'judge of Dockerfiles'
if [[ ! -d $COMPOSE_FIXTURE_CACHE/python/dockerfile_parse ]]; then
    need pip3:python3-pip
    pip3 install --quiet --target "$COMPOSE_FIXTURE_CACHE/python" dockerfile-parse==2.0.1
fi

step 'tests'
# The registry's tests start it by name.
PATH=$COMPOSE_FIXTURE_CACHE/docker-registry/usr/bin:$PATH
started=$SECONDS
# One red test hides no other.
cargo test --no-fail-fast "$@"
step 'other tools, where they are installed'
present() { for tool; do command -v "$tool" > /dev/null || return; done; }
if present skopeo umoci buildah; then
    tests/interop/images.sh
else
    echo 'skopeo, umoci or buildah is not there: tests/interop/images.sh installs and asks them'
fi
if present podman docker dockerd containerd; then
    tests/interop/runtimes.sh
else
    echo 'podman or docker is not there: tests/interop/runtimes.sh installs and asks them'
fi
printf '\nevery test passed, in %s s\n' $((SECONDS - started))
