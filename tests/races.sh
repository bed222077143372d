#!/bin/bash
# Commands at the same time, 1,000 rounds of each race (or as many as the first argument says);
# tests/run.sh takes a few of each. Other options go to the test program: a part of a name, --nocapture.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-1000}
shift || true
COMPOSE_RACES=$rounds exec cargo test --test host races -- --test-threads=1 "$@"
