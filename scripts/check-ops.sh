#!/usr/bin/env bash
# Holds what is in ops/ against the real programs: Prometheus' own checker reads the scrape file, the
# alerts, their tests, and every expression of the dashboard.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

rules="$(mktemp -d)/dashboard.rules.yml"
trap 'rm -rf "$(dirname "$rules")"' EXIT

say "The dashboard"
node scripts/check-ops.mjs ops/grafana/studyin.json >"$rules"

if ! has promtool; then
  note "promtool is not installed: the scrape file, the alerts and the expressions are not checked"
  note "install it to have them checked: apt-get install --no-install-recommends prometheus, or brew install prometheus"
  exit 0
fi
say "Scrape file, alerts, their tests and the dashboard's expressions, by $(promtool --version 2>&1 | head -n 1 | cut -d ' ' -f 1-3)"
promtool check config ops/prometheus/prometheus.yml
promtool test rules ops/prometheus/studyin.rules.test.yml
promtool check rules "$rules"
