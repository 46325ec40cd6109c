#!/usr/bin/env bash
# Builds, then measures the release server on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Tests and tools start servers of their own, elsewhere.
MODEL_DIR="$(model_dir)"
export MODEL_DIR
scripts/build.sh
say "Measuring (about half a minute; leave the machine alone meanwhile)"
exec node scripts/bench.mjs "$SERVER"
