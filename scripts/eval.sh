#!/usr/bin/env bash
# How well and how fast the search finds: EVAL_DIR holds corpus.jsonl and queries.jsonl (an object a
# line, {"id","text"} and {"id","text","relevant":[ids]}). The documents are stored as a student's
# materials in a passing database and asked for by words, by meaning and fused; the figures are
# printed and written to target/bench/eval.json. A few minutes for 5,000 documents, most of them for
# embedding. EVAL_KEEP=folder keeps the database, so that the next run starts with the questions;
# EVAL_FILLER=100000 also measures a library of so many made-up passages.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

EVAL_DIR="$(setting EVAL_DIR '')"
for file in corpus.jsonl queries.jsonl; do
  [ -f "$EVAL_DIR/$file" ] || die "EVAL_DIR names no folder with $file." \
    "Run: make eval EVAL_DIR=/path/to/a/question/set"
done

MODEL_DIR="$(model_dir)"
export MODEL_DIR
if [ "$(setting EMBEDDER builtin)" = builtin ]; then scripts/model.sh; fi

say "Building the server"
cargo build --quiet --release -p server --bin server --no-default-features
say "Asking the questions of $EVAL_DIR"
options=(--json target/bench/eval.json --filler "${EVAL_FILLER:-0}")
[ -z "${EVAL_KEEP:-}" ] || options+=(--keep "$EVAL_KEEP")
"$SERVER" eval "$EVAL_DIR" "${options[@]}"
note "written to target/bench/eval.json"
