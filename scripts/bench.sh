#!/usr/bin/env bash
# Builds, then measures the release server on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/build.sh
say "Measuring (about half a minute; leave the machine alone meanwhile)"
exec node scripts/bench.mjs "$SERVER"
