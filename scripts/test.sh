#!/usr/bin/env bash
# Everything: format, lints, release build, Rust tests, browser tests. Ends non-zero when any failed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Tests and tools start servers of their own, elsewhere.
MODEL_DIR="$(model_dir)"
export MODEL_DIR
scripts/setup.sh
scripts/model.sh

if ! has promtool && has apt-get && is_root; then
  say "Debian's prometheus, for its checker of the alerts (under a minute)"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null || true
  # The checker alone is wanted; nothing is started.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus </dev/null || true
fi
SETUP_DONE=yes scripts/check.sh
scripts/build.sh

if [ -n "${CORPUS_DIR:-}" ]; then
  [ -d "$CORPUS_DIR" ] || die "CORPUS_DIR is set to $CORPUS_DIR, which is not a folder."
  CORPUS_DIR="$(cd "$CORPUS_DIR" && pwd)"
  export CORPUS_DIR
  if ! has pdftotext && has apt-get && is_root; then
    say "Debian's poppler-utils, for pdftotext (seconds)"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq poppler-utils </dev/null || true
  fi
  has pdftotext || note "pdftotext is not installed: the corpus is read, but not compared with it"
else
  note "CORPUS_DIR is not set: the walk through a folder of real PDFs is skipped"
fi

if ! has redis-server && has apt-get && is_root; then
  say "Debian's redis-server, for the tests of the caches (seconds)"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null || true
  # Started by the tests alone, each on a port of its own.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server </dev/null || true
fi
has redis-server || note "redis-server is not installed: the tests of the caches go without it"

MOTO_SERVER="$(scripts/moto.sh)"
export MOTO_SERVER

failed=""

say "Rust tests (the first time about 5 minutes to compile)"
started=$SECONDS
rust_log="$ROOT/target/rust-tests.log"
cargo test --release -p app -p server --no-fail-fast </dev/null 2>&1 | tee "$rust_log" || failed="Rust tests"
note "Rust tests took $(elapsed $((SECONDS - started)))"

npm_install end2end
scripts/browser.sh
say "Browser tests (about 4 minutes)"
browser_log="$ROOT/target/browser-tests.log"
(cd end2end && node_modules/.bin/tsc --noEmit) || failed="${failed:+$failed, }types of the browser tests"
(cd end2end && node_modules/.bin/playwright test </dev/null) 2>&1 | tee "$browser_log" ||
  failed="${failed:+$failed, }browser tests"

say "Closing lines"
grep -E '^test result:' "$rust_log" || true
tail -n 1 "$browser_log"
if [ -n "$failed" ]; then die "failed: $failed"; fi
say "All passed in $(elapsed $SECONDS)"
