#!/usr/bin/env bash
# Holds the API against its own description: Schemathesis makes requests from /api/openapi.json, right
# and wrong ones, and looks whether each answer is one that is described. Needs the built server and
# Python 3; Schemathesis is installed into target/ (about a minute, the first time). A server of its
# own on a free port, with an empty data folder that is removed again.
#
#   API_CHECK_EXAMPLES=50   requests made up for each operation and phase
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SCHEMATHESIS_VERSION=4.32.5
VENV="$ROOT/target/schemathesis"
EXAMPLES="${API_CHECK_EXAMPLES:-50}"

[ -x "$SERVER" ] || die "There is no built server." "Run 'make build' first."
has python3 || die "Python 3 is missing." "Install python3 with its venv module."
if ! is_stamped schemathesis "$SCHEMATHESIS_VERSION"; then
  say "Schemathesis $SCHEMATHESIS_VERSION into target/ (about a minute)"
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"
  stamp schemathesis "$SCHEMATHESIS_VERSION"
fi

WORK="$(mktemp -d)"
PORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
URL="http://127.0.0.1:$PORT"
# The stub needs no model, and what is uploaded is searched by meaning too.
# The rates are for people; they would answer most of the requests with 429.
# In the empty folder, where no .env is.
(cd "$WORK" && exec env -u PUBLIC_URL HOST=127.0.0.1 PORT="$PORT" DATA_DIR="$WORK/data" \
  EMBEDDER=stub LOG_LEVEL=warn \
  UPLOADS_PER_MINUTE=10000 SEARCHES_PER_MINUTE=10000 USER_MAX_MATERIALS=100000 \
  "$SERVER" >"$WORK/server.log" 2>&1) &
SERVER_PID=$!
trap 'kill "$SERVER_PID" 2>/dev/null || true; wait "$SERVER_PID" 2>/dev/null || true; rm -rf "$WORK"' EXIT

for _ in $(seq 100); do
  if curl --silent --fail --output /dev/null "$URL/health/live"; then break; fi
  kill -0 "$SERVER_PID" 2>/dev/null || { cat "$WORK/server.log" >&2; die "The server did not start."; }
  sleep 0.1
done

form() { curl --silent --show-error --cookie "$WORK/jar" --cookie-jar "$WORK/jar" -H "Origin: $URL" "$@"; }
form --output /dev/null --data-urlencode "email=check@example.org" \
  --data-urlencode "password=a quiet desk at night" "$URL/signup"
TOKEN="$(form --data "name=Check&scope=write" "$URL/settings/tokens" | grep -o 'studyin_[A-Za-z0-9_-]\{43\}' | head -n 1)"
[ -n "$TOKEN" ] || { cat "$WORK/server.log" >&2; die "The server gave no access token."; }

say "Schemathesis, $EXAMPLES examples for each operation"
# What is described as a file may be any bytes, and any words may be no question: such requests are
# refused although the description allows them, which is the one thing that is not checked.
(cd "$WORK" && "$VENV/bin/schemathesis" run "$URL/api/openapi.json" \
  --header "Authorization: Bearer $TOKEN" --checks all --exclude-checks positive_data_acceptance \
  --max-examples "$EXAMPLES" --seed 1 --workers 1 --request-timeout 30 --generation-database=none)
