#!/usr/bin/env bash
# Pictures of every page, phone and desktop, light and dark; `make screenshots README=1` also
# replaces the README's picture.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Tests and tools start servers of their own, elsewhere.
MODEL_DIR="$(model_dir)"
export MODEL_DIR
scripts/build.sh
npm_install end2end
scripts/browser.sh
say "Screenshots into target/screenshots (under a minute)"
(cd end2end && node_modules/.bin/playwright test --config screenshots.config.ts --reporter line </dev/null)
if [ -n "${README:-}" ]; then
  cp target/screenshots/coach-1280-light.png .github/screenshot.png
  note "replaced .github/screenshot.png"
fi
