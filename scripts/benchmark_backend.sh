#!/usr/bin/env bash
# What a request costs the server, with and without its caches: starts the release server on seeded
# databases (a student with a year behind her and 5,000 passages; one with 100,000; 200 students),
# drives it with wrk, and writes target/bench/backend.md and backend.json. About twelve minutes.
# Redis and the Chroma peer are measured where they can be had.
#
#   BENCH_SECONDS=3     how long each line is measured
#   PEERS=no            leaves Chroma out; PEER_PYTHON names an interpreter that has it
set -euo pipefail
. "$(dirname "$0")/lib.sh"

install_package() { # PROGRAM PACKAGE
  if has "$1" || ! has apt-get || ! is_root; then return; fi
  say "Debian's $2 (seconds)"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null || true
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" </dev/null || true
}
install_package wrk wrk
has wrk || die "wrk, the load generator, is missing." "Install it: apt-get install wrk, or brew install wrk"
install_package redis-server redis-server

if [ -z "${SERVER_READY:-}" ]; then
  say "Building the server"
  cargo build --quiet --release -p server --bin server --no-default-features
fi

python="${PEER_PYTHON:-}"
if [ -z "$python" ] && [ "${PEERS:-yes}" = yes ] && has python3; then
  venv="$ROOT/target/chroma-venv"
  if ! is_stamped chroma-venv chromadb; then
    say "Chroma from PyPI (a minute)"
    python3 -m venv "$venv" &&
      "$venv/bin/pip" install --quiet --disable-pip-version-check chromadb </dev/null &&
      stamp chroma-venv chromadb || warn "pip could not install Chroma"
  fi
  if is_stamped chroma-venv chromadb; then python="$venv/bin/python"; fi
fi
[ -n "$python" ] || note "Chroma is not installed: it is left out"

say "Measuring (about ten minutes; leave the machine alone meanwhile)"
exec node scripts/benchmark_backend.mjs "$SERVER" $python
