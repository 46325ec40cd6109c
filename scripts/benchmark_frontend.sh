#!/usr/bin/env bash
# What a page costs the student who opens it: builds the release, seeds a student with a year behind
# her, opens every page in Chromium with an empty and with a full cache, unthrottled and as on a slow
# phone, and writes target/bench/frontend.md and frontend.json. About twenty minutes.
#
#   BENCH_RUNS=5        how often each page is opened; the median is told
#   BENCH_ROUTES=/,/coach   only these pages
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if [ -z "${SERVER_READY:-}" ]; then
  # Tests and tools start servers of their own, elsewhere.
  MODEL_DIR="$(model_dir)"
  export MODEL_DIR
  scripts/build.sh
fi
npm_install end2end
scripts/browser.sh
say "Measuring (about twenty minutes; leave the machine alone meanwhile)"
exec node scripts/benchmark_frontend.mjs "$SERVER"
