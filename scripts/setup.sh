#!/usr/bin/env bash
# Installs what is missing: toolchain, build tools, npm packages, the chart library, the model.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/prerequisites.sh
scripts/tools.sh
npm_install frontend

made_from="$(fingerprint frontend/package.json frontend/package-lock.json frontend/echarts.js)"
if ! is_stamped echarts "$made_from" || [ ! -s public/vendor/echarts.js ]; then
  say "The chart library's bundle (seconds)"
  (cd frontend && npm run --silent build </dev/null)
  stamp echarts "$made_from"
fi

# Without it everything works but the search by meaning, and the pages say so.
scripts/model.sh || warn "going on without the embedding model: search will be by words alone"
