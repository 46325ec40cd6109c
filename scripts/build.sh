#!/usr/bin/env bash
# The release server and its split, hashed and compressed page files.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/setup.sh

# Cargo would find out by itself, but rewriting and compressing the page files takes a while.
made_from="$(fingerprint Cargo.toml Cargo.lock rust-toolchain.toml .cargo app frontend server migrations style public scripts/bin scripts/build.sh scripts/finish-site.mjs scripts/icons.mjs scripts/pack-chunks.mjs scripts/short-names.mjs) ${RUSTFLAGS:-}"
if is_stamped build "$made_from" && [ -x "$SERVER" ] && [ -d target/site/pkg ]; then exit 0; fi

if is_stamped built-once yes; then
  say "Building the release server and pages (a minute or a few, depending on what changed)"
else
  say "Building the release server and pages (the first time about 25 minutes on 2 cores)"
fi
unstamp build
# Files of earlier builds carry other hashes and would be served for ever.
rm -rf target/site
started=$SECONDS
cargo leptos build --release --split </dev/null
node scripts/finish-site.mjs target/site target/release/hash.txt
stamp build "$made_from"
stamp built-once yes
note "built in $(elapsed $((SECONDS - started)))"
