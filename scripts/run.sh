#!/usr/bin/env bash
# Sets up, builds, and serves; the server reads .env itself and prints its address when it is ready.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/build.sh
say "Starting Studyin (stop it with Ctrl+C)"
exec "$SERVER"
