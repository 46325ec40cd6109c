#!/usr/bin/env bash
# moto's server, which speaks S3, for the tests of the storage: the Python package in target/tools/moto.
# Prints the program that starts it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

VERSION=5.2.5
# What its server needs for S3; `moto[server]` would bring three times as much for other services.
PACKAGES="moto[s3]==$VERSION flask>=3,<4 flask-cors>=6,<7"

has python3 || die "The tests of the storage need Python 3 with pip." "scripts/prerequisites.sh says how to install it."
folder="$TOOLS/moto"
program="$TOOLS/bin/moto_server"
made_from="$PACKAGES $(python3 --version)"
if ! is_stamped moto "$made_from" || [ ! -x "$program" ]; then
  say "moto $VERSION, from the Python package index (under a minute)" >&2
  rm -rf "$folder"
  # shellcheck disable=SC2086
  python3 -m pip install --quiet --no-input --disable-pip-version-check --no-warn-conflicts \
    --root-user-action=ignore --target "$folder" $PACKAGES </dev/null >&2 ||
    die "pip could not install moto, which the tests of the storage need." \
      "Look at what it says above; behind a proxy, set PIP_INDEX_URL or HTTPS_PROXY."
  mkdir -p "$TOOLS/bin"
  cat >"$program" <<PROGRAM
#!/bin/sh
PYTHONPATH="$folder" exec python3 -m moto.server "\$@"
PROGRAM
  chmod +x "$program"
  stamp moto "$made_from"
fi
printf '%s\n' "$program"
