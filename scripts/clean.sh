#!/usr/bin/env bash
# Removes what was built. The data folder stays, and so do the build tools (`rm -rf target` removes
# those too).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

say "Removing build results"
if [ -d target ]; then
  find target -mindepth 1 -maxdepth 1 ! -name tools -exec rm -rf {} +
fi
rm -rf public/vendor frontend/node_modules end2end/node_modules end2end/test-results end2end/playwright-report
note "kept: $(setting DATA_DIR ./data) and target/tools"
