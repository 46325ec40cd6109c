#!/usr/bin/env bash
# Makes sure the browser tests have a Chromium: one that is installed, Debian's package when this
# may install it, else Playwright's own download. Needs end2end/node_modules.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if [ -n "${CHROMIUM_PATH:-}" ]; then
  [ -x "$CHROMIUM_PATH" ] || die "CHROMIUM_PATH is set to $CHROMIUM_PATH, which is not a program."
  exit 0
fi
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if has "$name"; then exit 0; fi
done

if has apt-get && is_root; then
  say "Debian's chromium (a minute or two)"
  export DEBIAN_FRONTEND=noninteractive
  if apt-get update -qq </dev/null && apt-get install -y -qq chromium </dev/null && has chromium; then exit 0; fi
  warn "apt-get could not install chromium"
fi

say "Playwright's own Chromium (about 170 MB)"
(cd end2end && node_modules/.bin/playwright install chromium </dev/null) ||
  die "No Chromium could be installed." \
    "Install one (Debian: sudo apt-get install -y chromium; macOS: brew install --cask chromium)" \
    "or set CHROMIUM_PATH to the program."
