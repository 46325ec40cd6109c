#!/usr/bin/env bash
# Format, lints and type checks of both halves. The release profile throughout, so that nothing is
# compiled twice.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if [ "${SETUP_DONE:-}" != yes ]; then
  scripts/prerequisites.sh
  scripts/tools.sh
fi

say "Format"
cargo fmt --all --check

say "Lints of the server, with its tests (the first time about 10 minutes on 2 cores)"
cargo clippy --quiet --release --all-targets -p app -p server -- -D warnings

say "Lints of the pages for the browser (the first time about 3 minutes)"
cargo clippy --quiet --release --target "$WASM_TARGET" -p app -p frontend -- -D warnings

scripts/check-ops.sh

if has cargo-deny; then
  say "Licences of all dependencies"
  cargo deny --log-level error check licenses sources
fi
