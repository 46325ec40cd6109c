#!/usr/bin/env bash
# Holds the text the server reads from the PDFs in CORPUS_DIR against poppler's pdftotext: words and
# their order, file by file. Under a minute for a few hundred pages, after the build.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

CORPUS_DIR="$(setting CORPUS_DIR '')"
[ -d "$CORPUS_DIR" ] || die "CORPUS_DIR names no folder." \
  "Run: make bench-extract CORPUS_DIR=/path/to/a/folder/of/pdfs"
has pdftotext || die "pdftotext is missing." \
  "Install it: apt-get install poppler-utils, or brew install poppler"
has python3 || die "python3 is missing."

cargo build --quiet --release -p server --bin server
exec python3 scripts/measure-extraction.py "$CORPUS_DIR" --server "$SERVER" --worst 10
