#!/usr/bin/env bash
# Builds, then measures how long a document takes from its upload to being searchable and ready, with
# a stub and with the built-in embedding model, beside the usual Python pieces where pip finds them.
# CORPUS_DIR=folder of PDFs also measures how well text is taken out. PEERS=no leaves Python out;
# PEER_PYTHON names an interpreter that has them already.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

MODEL_DIR="$(model_dir)"
export MODEL_DIR
if [ -z "${SERVER_READY:-}" ]; then scripts/build.sh; fi
[ -f "$MODEL_DIR/model.safetensors" ] || scripts/model.sh

# The peers live in a folder of their own under target/, installed once.
PEER_PACKAGES="pypdf chromadb sentence-transformers"
venv="$ROOT/target/bench-venv"
python="${PEER_PYTHON:-}"
if [ -z "$python" ] && [ "${PEERS:-yes}" = yes ] && has python3; then
  if ! is_stamped bench-venv "$PEER_PACKAGES"; then
    say "Python peers: $PEER_PACKAGES (the first time several minutes and a gigabyte or more)"
    python3 -m venv "$venv" &&
      "$venv/bin/pip" install --quiet --disable-pip-version-check $PEER_PACKAGES </dev/null &&
      stamp bench-venv "$PEER_PACKAGES" || warn "pip could not install them"
  fi
  if is_stamped bench-venv "$PEER_PACKAGES"; then python="$venv/bin/python"; fi
fi
[ -n "$python" ] || note "the Python peers are not installed: they are skipped"

say "Measuring (some minutes; leave the machine alone meanwhile)"
node scripts/bench-ingest.mjs "$SERVER" $python

if [ -n "${CORPUS_DIR:-}" ]; then
  if [ -f scripts/measure-extraction.py ]; then
    say "How well text is taken out of the PDFs in $CORPUS_DIR"
    python3 scripts/measure-extraction.py "$CORPUS_DIR" --server "$SERVER"
  fi
else
  note "CORPUS_DIR is not set: how well text is taken out is not measured"
fi
