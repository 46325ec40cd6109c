#!/usr/bin/env bash
# The development server: rebuilds on every edit and reloads the page.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/setup.sh
say "Development build (the first time takes about as long as a release build)"
# With hashed names the page would silently keep the first build's files.
export LEPTOS_HASH_FILES=false
exec cargo leptos watch
