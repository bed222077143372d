#!/bin/bash
# Kills `up`, `down` and a shim at every system call that changes something; tests/run.sh samples them.
# Takes about two minutes. Options go to the test program: a part of a name, --nocapture.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/packages.sh
need strace
CRASH_POINTS=all exec cargo test --test host can_be_killed_at_every_call -- --test-threads=1 "$@"
