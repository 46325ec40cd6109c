#!/usr/bin/env bash
# The pinned Rust toolchain, cargo-leptos and wasm-bindgen-cli: what is there in the exact version
# stays, the rest is compiled into target/tools.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

toolchain_is_complete() {
  # Run inside the project, rustc answers for the pinned toolchain; `rustup run` never downloads.
  rustup run "$RUST_VERSION" rustc --version >/dev/null 2>&1 &&
    rustup target list --installed --toolchain "$RUST_VERSION" 2>/dev/null | grep -qx "$WASM_TARGET" &&
    rustup run "$RUST_VERSION" cargo fmt --version >/dev/null 2>&1 &&
    rustup run "$RUST_VERSION" cargo clippy --version >/dev/null 2>&1
}

if has rustup; then
  if ! toolchain_is_complete; then
    say "Rust $RUST_VERSION with the WebAssembly target (a minute or two)"
    rustup toolchain install "$RUST_VERSION" --profile minimal --no-self-update \
      --component rustfmt --component clippy --target "$WASM_TARGET"
  fi
else
  case "$(rustc --version)" in
    "rustc $RUST_VERSION "*) ;;
    *) die "Studyin is built with Rust $RUST_VERSION; this is $(rustc --version)." \
      "Install rustup (https://rustup.rs): it picks the right version by itself." ;;
  esac
  [ -d "$(rustc --print sysroot)/lib/rustlib/$WASM_TARGET" ] ||
    die "This Rust has no $WASM_TARGET target." "Install rustup (https://rustup.rs): it adds it by itself."
fi

# has_version TOOL VERSION: exact; target/tools comes before the rest of PATH.
has_version() { [ "$("$1" --version 2>/dev/null)" = "$1 $2" ]; }

# Nothing here is worth optimising: the tools run for seconds.
quick_build() {
  CARGO_TARGET_DIR="$ROOT/target/tools-build" \
    CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install --quiet --root "$TOOLS" --force "$@" </dev/null
}

if ! has_version wasm-bindgen "$WASM_BINDGEN_VERSION"; then
  say "wasm-bindgen-cli $WASM_BINDGEN_VERSION, compiled from crates.io (about 3 minutes on 2 cores)"
  quick_build wasm-bindgen-cli --version "$WASM_BINDGEN_VERSION"
fi
if ! has_version cargo-leptos "$CARGO_LEPTOS_VERSION"; then
  say "cargo-leptos $CARGO_LEPTOS_VERSION, compiled from crates.io (about 12 minutes on 2 cores)"
  # Its own lock file asks for a newer compiler than it needs.
  quick_build cargo-leptos --version "$CARGO_LEPTOS_VERSION" --locked --ignore-rust-version
fi
rm -rf target/tools-build
