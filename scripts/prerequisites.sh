#!/usr/bin/env bash
# Names every missing prerequisite at once, each with the command that installs it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case "$(uname -s)" in
  Darwin) system=macos ;;
  *) if has apt-get; then system=debian; else system=other; fi ;;
esac

missing=0
# lacks WHAT DEBIAN MACOS OTHER
lacks() {
  missing=1
  printf 'missing: %s\n' "$1" >&2
  case "$system" in
    debian) printf '    install it with:  %s\n' "$2" >&2 ;;
    macos) printf '    install it with:  %s\n' "$3" >&2 ;;
    *) printf '    %s\n' "$4" >&2 ;;
  esac
}

rustup_command="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
if ! has cargo; then
  lacks "Rust (rustup and cargo)" "$rustup_command" "$rustup_command" "$rustup_command"
fi

# macOS has a `cc` that only asks for the developer tools.
if [ "$system" = macos ] && ! xcode-select -p >/dev/null 2>&1; then
  lacks "a C compiler" "" "xcode-select --install" ""
elif ! has cc && ! has gcc && ! has clang; then
  lacks "a C compiler" "sudo apt-get install -y build-essential" "xcode-select --install" \
    "Install gcc or clang from your system's packages."
fi

node_debian="curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs"
node_other="Install Node $NODE_MAJOR_LEAST or newer from https://nodejs.org/."
if ! has node; then
  lacks "Node $NODE_MAJOR_LEAST or newer" "$node_debian" "brew install node" "$node_other"
else
  major="$(node --version | sed 's/^v\([0-9]*\).*/\1/')"
  if [ "$major" -lt "$NODE_MAJOR_LEAST" ]; then
    lacks "Node $NODE_MAJOR_LEAST or newer (this is $(node --version))" "$node_debian" "brew upgrade node" "$node_other"
  fi
fi
if ! has npm; then
  lacks "npm" "sudo apt-get install -y npm" "brew install node" "npm comes with Node: https://nodejs.org/."
fi

if ! has python3; then
  lacks "Python 3" "sudo apt-get install -y python3 python3-pip" "brew install python" \
    "Install Python 3 with pip from your system's packages."
elif ! python3 -m pip --version >/dev/null 2>&1; then
  lacks "pip, the package installer of Python 3" "sudo apt-get install -y python3-pip" \
    "python3 -m ensurepip --upgrade" "python3 -m ensurepip --upgrade"
fi

if [ "$missing" = 1 ]; then
  die "Install what is named above, then run the same command again."
fi
