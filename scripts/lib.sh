# Shared by the other scripts: where things are, how they talk, how finished steps are remembered.
# Sourced, never run. Bash 3.2 (macOS) is enough.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

RUST_VERSION="$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)"
CARGO_LEPTOS_VERSION=0.3.11
# The tool and the library of the same name must be the very same version.
WASM_BINDGEN_VERSION="$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"/\1/p;}' Cargo.lock)"
NODE_MAJOR_LEAST=20
WASM_TARGET=wasm32-unknown-unknown

TOOLS="$ROOT/target/tools"
STAMPS="$ROOT/target/stamps"
SERVER="$ROOT/target/release/server"

# rustup's own folder first, for shells that were opened before it was installed.
PATH="$ROOT/scripts/bin:$TOOLS/bin:$ROOT/frontend/node_modules/.bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
export PATH
export CARGO_TERM_PROGRESS_WHEN="${CARGO_TERM_PROGRESS_WHEN:-auto}"

say() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }
elapsed() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }

# setting NAME DEFAULT: from the environment, else from .env, else the default.
setting() {
  local value="${!1:-}"
  if [ -z "$value" ] && [ -f .env ]; then
    value="$(sed -n "s/^[[:space:]]*\(export \)\{0,1\}$1=//p" .env | tail -n 1 |
      sed -e 's/[[:space:]]#.*$//' -e 's/[[:space:]]*$//' -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/")"
  fi
  printf '%s' "${value:-$2}"
}

# The embedding model's folder, as the server finds it.
model_dir() {
  local folder
  folder="$(setting MODEL_DIR "$(setting DATA_DIR ./data)/models/all-MiniLM-L6-v2")"
  case "$folder" in
    /*) printf '%s' "$folder" ;;
    *) printf '%s' "$ROOT/${folder#./}" ;;
  esac
}

sha256() {
  if has sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# fingerprint PATH...: one hash over the names and contents of all files below the paths; a path
# that does not exist counts as empty.
fingerprint() {
  { find "$@" -type f ! -path '*/node_modules/*' 2>/dev/null || true; } | LC_ALL=C sort | tr '\n' '\0' |
    if has sha256sum; then xargs -0 sha256sum; else xargs -0 shasum -a 256; fi |
    sha256 | cut -d ' ' -f 1
}

# A stamp remembers what a finished step was made from, so that it is skipped until that changes.
is_stamped() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
stamp() {
  mkdir -p "$STAMPS"
  printf '%s\n' "$2" >"$STAMPS/$1"
}
unstamp() { rm -f "$STAMPS/$1"; }

# npm_install FOLDER: what its lock file says, once per lock file and Node version.
npm_install() {
  local made_from
  made_from="$(fingerprint "$1/package.json" "$1/package-lock.json") $(node --version)"
  if [ "$(cat "$1/node_modules/.stamp" 2>/dev/null)" = "$made_from" ]; then return; fi
  say "npm packages of $1/ (under a minute)"
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error </dev/null)
  printf '%s\n' "$made_from" >"$1/node_modules/.stamp"
}
