// Looks through the Grafana dashboard for what Grafana itself would only show as a broken panel, and
// prints its PromQL expressions as a rules file for promtool.
// Usage: node scripts/check-ops.mjs ops/grafana/studyin.json > rules.yml

import { readFileSync } from "node:fs";
import process from "node:process";

const dashboard = JSON.parse(readFileSync(process.argv[2], "utf8"));
const problems = [];
const hold = (is, what) => is || problems.push(what);

/** What stands for Grafana's own variables while an expression is checked. */
const STAND_INS = { $__rate_interval: "5m", $vitals: "6h" };
/** A dashboard is 24 columns wide. */
const COLUMNS = 24;
const KINDS = new Set(["row", "stat", "timeseries"]);

hold(typeof dashboard.title === "string" && dashboard.title, "the dashboard has no title");
hold(/^[A-Za-z0-9_-]{1,40}$/.test(dashboard.uid ?? ""), "the uid is not one Grafana takes");
hold(Number.isInteger(dashboard.schemaVersion), "there is no schemaVersion");
hold(dashboard.time?.from && dashboard.time?.to, "there is no span of time");

const variables = new Set(dashboard.templating.list.map(({ name }) => name));
const ids = new Set();
const taken = new Set();
const expressions = [];
for (const panel of dashboard.panels) {
  const name = `panel ${panel.id} (${panel.title})`;
  hold(Number.isInteger(panel.id) && !ids.has(panel.id), `${name}: its id is not its own`);
  ids.add(panel.id);
  hold(KINDS.has(panel.type), `${name}: unknown type ${panel.type}`);
  const { x, y, w, h } = panel.gridPos;
  hold(w > 0 && h > 0 && x >= 0 && x + w <= COLUMNS, `${name}: outside of the grid`);
  for (let column = x; column < x + w; column += 1) {
    for (let line = y; line < y + h; line += 1) {
      hold(!taken.has(`${column} ${line}`), `${name}: lies over another panel`);
      taken.add(`${column} ${line}`);
    }
  }
  if (panel.type === "row") continue;
  hold(panel.targets.length > 0, `${name}: asks nothing`);
  const refs = panel.targets.map(({ refId }) => refId);
  hold(new Set(refs).size === refs.length, `${name}: two queries of one name`);
  for (const { datasource, expr } of panel.targets) {
    hold(datasource?.type === "prometheus" && datasource.uid === "${datasource}", `${name}: a data source of its own`);
    for (const [, variable] of expr.matchAll(/\$(\w+)/g)) {
      hold(variables.has(variable) || `$${variable}` in STAND_INS, `${name}: no variable $${variable}`);
    }
    expressions.push([name, expr]);
  }
  const { steps } = panel.fieldConfig.defaults.thresholds;
  hold(steps[0].value === null, `${name}: the first threshold has a value`);
  hold(steps.slice(2).every(({ value }, at) => value > steps[at + 1].value), `${name}: thresholds do not rise`);
}

if (problems.length > 0) {
  for (const problem of new Set(problems)) console.error(`error: ${problem}`);
  process.exit(1);
}
const plain = (expr) =>
  expr.replace(/\$\w+/g, (variable) => STAND_INS[variable] ?? "any");
// A JSON string is a YAML string.
console.log("groups:\n  - name: dashboard\n    rules:");
expressions.forEach(([, expr], at) => console.log(`      - record: dashboard:expression:${at}\n        expr: ${JSON.stringify(plain(expr))}`));
console.error(`    ${dashboard.panels.length} panels, ${expressions.length} expressions`);
