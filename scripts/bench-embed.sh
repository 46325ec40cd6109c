#!/usr/bin/env bash
# Texts embedded per second: the built-in embedder and sentence-transformers with the same model,
# texts (about 200 words each), cores and batches of 32, three runs each by turns. The peer lives in
# target/bench-embed (a download of about 2 GB); where it cannot be installed it is left out.
# BENCH_PYTHON names another Python that has it. EMBED_CORPUS: a JSON-lines file with "text".
set -euo pipefail
. "$(dirname "$0")/lib.sh"

RUNS=3
HOME_OF_PEER="$ROOT/target/bench-embed"
mkdir -p "$HOME_OF_PEER"

say "Building the bench"
log="$HOME_OF_PEER/build.log"
cargo test --quiet --release -p server --lib --no-run --message-format json >"$log" ||
  die "the bench does not compile" "look into $log"
bench="$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' "$log" | tail -n 1)"

MODEL_DIR="$(model_dir)"
export MODEL_DIR
scripts/model.sh

python="${BENCH_PYTHON:-$HOME_OF_PEER/venv/bin/python}"
if ! "$python" -c 'import sentence_transformers' 2>/dev/null && [ -z "${BENCH_PYTHON:-}" ]; then
  say "Installing sentence-transformers (once)"
  python3 -m venv "$HOME_OF_PEER/venv" &&
    "$python" -m pip install --quiet torch --index-url https://download.pytorch.org/whl/cpu 2>/dev/null ||
    "$python" -m pip install --quiet torch || true
  "$python" -m pip install --quiet sentence-transformers || true
fi
peer=yes
"$python" -c 'import sentence_transformers' 2>/dev/null || {
  peer=no
  note "skipped: sentence-transformers cannot be installed here"
}

EMBED_TEXTS="$HOME_OF_PEER/texts.txt"
export EMBED_TEXTS
python3 - "$EMBED_TEXTS" "${EMBED_CORPUS:-}" "$ROOT" <<'PYTHON'
import glob, json, random, sys

target, corpus, root = sys.argv[1:]
if corpus:
    words = " ".join(json.loads(line)["text"] for line in open(corpus)).split()
else:  # The words of the project's own documents, shuffled: ordinary English without a corpus.
    words = " ".join(open(name).read() for name in sorted(glob.glob(root + "/*.md"))).split()
    random.seed(1)
    words = random.choices(words, k=128 * 200)
texts = [" ".join(words[at : at + 200]) for at in range(0, 128 * 200, 200)]
open(target, "w").write("\n".join(text for text in texts if text) + "\n")
PYTHON

cat >"$HOME_OF_PEER/peer.py" <<'PYTHON'
import os, resource, sys, time

import torch
from sentence_transformers import SentenceTransformer

try:
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
except ImportError:  # Before version 6.
    from sentence_transformers.models import Normalize, Pooling, Transformer

torch.set_num_threads(os.cpu_count())
# The model's folder holds no more than the three files: pooling is put together here.
words = Transformer(os.environ["MODEL_DIR"], max_seq_length=256)
model = SentenceTransformer(modules=[words, Pooling(384), Normalize()], device="cpu")
texts = open(os.environ["EMBED_TEXTS"]).read().splitlines()
model.encode(texts[:32], batch_size=32)
begin = time.perf_counter()
model.encode(texts, batch_size=32)
print("texts_a_second", len(texts) / (time.perf_counter() - begin))
print("peak_kb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
PYTHON

# figure NAME: the number after it, from what a run printed.
figure() { grep -o "$1:\{0,1\}[[:space:]]*[0-9][0-9.]*" | tail -n 1 | sed 's/.*[^0-9.]//'; }
say "Measuring, $RUNS runs each by turns (leave the machine alone meanwhile)"
ours="" theirs=""
for run in $(seq "$RUNS"); do
  out="$("$bench" --ignored --nocapture texts_a_second)"
  rate="$(figure texts_a_second <<<"$out")"
  ours="$ours $rate"
  note "run $run: built-in $rate texts/s, a question $(figure question_ms <<<"$out") ms, peak $(figure VmHWM <<<"$out") KB"
  if [ "$peer" = yes ]; then
    if out="$("$python" "$HOME_OF_PEER/peer.py" 2>"$HOME_OF_PEER/peer.log")"; then
      rate="$(figure texts_a_second <<<"$out")"
      theirs="$theirs $rate"
      note "run $run: sentence-transformers $rate texts/s, peak $(figure peak_kb <<<"$out") KB"
    else
      peer=no
      note "the peer failed: see $HOME_OF_PEER/peer.log"
    fi
  fi
done
python3 - "$ours" "$theirs" <<'PYTHON'
import statistics, sys

ours, theirs = (sorted(map(float, part.split())) for part in sys.argv[1:3])
print(f"built-in: {statistics.median(ours):.1f} texts/s (median of {len(ours)})")
if theirs:
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"sentence-transformers: {statistics.median(theirs):.1f} texts/s; ratio {ratio:.2f} (at least 1.2 wanted)")
    sys.exit(ratio < 1.2)
PYTHON
