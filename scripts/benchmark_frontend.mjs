// Measures what the pages cost in a real Chromium: bytes of code, paints, blocking, shifts, a click and
// the heap. Usage: node scripts/benchmark_frontend.mjs target/release/server
// Bytes are exact; times depend on the machine, so compare only figures of one run.

import { execFile, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";

const { chromium } = createRequire(path.resolve("end2end/package.json"))("@playwright/test");
const run = promisify(execFile);
const program = path.resolve(process.argv[2] ?? "target/release/server");
const runs = Math.max(1, Number(process.env.BENCH_RUNS ?? 5));

/** A year of study: as much as a busy student leaves behind. */
const SEED = ["--materials", "20", "--passages", "1000", "--sessions", "1000", "--activities", "6000"];
/** 1.64 Mbit/s down, half of it up, 150 ms there and back, a quarter of this machine's speed. */
const SLOW = { cpu: 4, network: { latency: 150, downloadThroughput: 205_000, uploadThroughput: 102_500 } };
const CONDITIONS = [
  { name: "unthrottled", slow: null },
  { name: "throttled", slow: SLOW },
];
/** Quiet after the last request until a page counts as settled, in milliseconds. */
const QUIET_MS = 1_000;
/** Longest a page may take to settle, in milliseconds. */
const SETTLE_MAX_MS = 60_000;
/**
 * A new window makes its own parts (its address bar is a page too) while it opens ours, on the same
 * cores: a page that weighs nothing shows .2 s later for it. A student has her window already, so nothing
 * is opened until the browser's processes have taken less than this of a core for this long, or too long.
 */
const IDLE = { most_percent: 5, for_ms: 300, wait_max_ms: 10_000 };
/** What the page must do within, in milliseconds, at most; throttled. */
const GOALS = {
  "/": { cold_lcp: 1_500, warm_lcp: 600, br: 140_000, raw: 430_000 },
  "/analytics": { cold_lcp: 2_500, warm_lcp: 600 },
};
const TBT_GOAL_MS = 300;
const CLS_GOAL = 0.02;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The middle one; of an even number the lower of the two. Nothing where nothing was measured. */
function median(values) {
  const known = values.filter((value) => typeof value === "number").sort((a, b) => a - b);
  return known.length ? known[Math.floor((known.length - 1) / 2)] : null;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** CHROMIUM_PATH, else one on PATH, else Playwright's own, as the browser tests choose. */
function browserProgram() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
      try {
        accessSync(path.join(folder, name), constants.X_OK);
        return path.join(folder, name);
      } catch {
        // Not here; look further.
      }
    }
  }
  return undefined;
}

async function startServer(dataDir, folder) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(program, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH,
      PORT: new URL(url).port,
      DATA_DIR: dataDir,
      MODEL_DIR: path.join(folder, "none"),
      EMBEDDER: "stub",
      SITE_ROOT: path.resolve("target/site"),
      LOG_LEVEL: "error",
    },
  });
  for (const began = performance.now(); ; await sleep(20)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (await fetch(`${url}/health/live`).then((answer) => answer.ok, () => false)) return { url, child };
    if (performance.now() - began > 30_000) throw new Error("the server did not start within 30 s");
  }
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** Signs the seeded student in, with a password made for her. */
async function signIn(url, dataDir, folder) {
  const env = { PATH: process.env.PATH, DATA_DIR: dataDir, LOG_LEVEL: "error" };
  const email = "student0@example.org";
  const { stdout } = await run(program, ["reset-password", email], { cwd: folder, env });
  const [, password] = stdout.match(/New password: (\S+)/) ?? [];
  const answer = await fetch(`${url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: url },
    body: new URLSearchParams({ email, password }),
  });
  const [cookie] = answer.headers.getSetCookie();
  if (!cookie) throw new Error(`sign-in answered ${answer.status}`);
  const [name, value] = cookie.split(";")[0].split("=");
  return { name, value, url };
}

/** Bytes on the wire, not unpacked. */
function bytesOf(url, cookie, encoding = "identity") {
  return new Promise((resolve, reject) => {
    const headers = { "accept-encoding": encoding, ...(cookie && { cookie: `${cookie.name}=${cookie.value}` }) };
    http
      .get(url, { headers }, (response) => {
        let bytes = 0;
        response.on("data", (chunk) => (bytes += chunk.length));
        response.on("end", () => resolve(bytes));
      })
      .on("error", reject);
  });
}

/** Runs in the page before anything else. */
function observe() {
  const seen = (window.measured = { lcp: null, cls: 0, tasks: [], events: [] });
  const watch = (type, see) =>
    new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({ type, buffered: true, durationThreshold: 16 });
  watch("largest-contentful-paint", ({ startTime }) => (seen.lcp = startTime));
  watch("layout-shift", ({ value, hadRecentInput }) => (seen.cls += hadRecentInput ? 0 : value));
  watch("longtask", ({ startTime, duration }) => seen.tasks.push({ startTime, duration }));
  watch("event", ({ interactionId, duration }) => interactionId && seen.events.push(duration));
}

/** Runs in the page once it is quiet. */
function read() {
  const { lcp, cls, tasks } = window.measured;
  const fcp = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null;
  // What a task takes beyond 50 ms, from the first paint on, keeps the page from answering.
  const tbt = tasks.filter(({ startTime }) => startTime >= (fcp ?? 0)).reduce((sum, { duration }) => sum + duration - 50, 0);
  return { fcp_ms: fcp, lcp_ms: lcp, tbt_ms: tbt, cls };
}

const isCode = (path) => /\.(js|wasm)$/.test(path);
/** Other files of a page, as the browser sorts them. */
const KINDS = ["document", "stylesheet", "script", "image", "font", "manifest"];

/** The service worker, and what it fetches beside the page; a page sees none of its requests. */
async function workersFiles(base) {
  const worker = await (await fetch(`${base}/sw.js`)).text();
  const [, shell] = worker.match(/^const SHELL = (.*);$/m);
  return ["/sw.js", ...JSON.parse(shell)];
}

async function settled(page) {
  await page.waitForLoadState("networkidle", { timeout: SETTLE_MAX_MS });
  if ((await page.locator('link[rel="modulepreload"], script[type="module"]').count()) > 0) {
    await page
      .waitForFunction(() => document.documentElement.dataset.hydrated === "true", undefined, { timeout: SETTLE_MAX_MS })
      .catch(() => undefined);
  }
  await sleep(QUIET_MS);
}

/** Waits until the browser itself has nothing left to do. */
async function idle(browser) {
  const devtools = await browser.newBrowserCDPSession();
  const cpuMs = async () => {
    const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1_000, 0);
  };
  const most = (IDLE.for_ms * IDLE.most_percent) / 100;
  const began = performance.now();
  for (let before = await cpuMs(); performance.now() - began < IDLE.wait_max_ms; ) {
    await sleep(IDLE.for_ms);
    const now = await cpuMs();
    // A process that has ended takes its time with it.
    if (Math.abs(now - before) < most) break;
    before = now;
  }
  await devtools.detach();
}

/** Opens the page once and measures it. */
async function visit(context, route, slow) {
  const page = await context.newPage();
  const files = new Set();
  page.on("request", (request) => {
    const { pathname, protocol, search } = new URL(request.url());
    if (protocol === "http:" && (KINDS.includes(request.resourceType()) || isCode(pathname))) files.add(pathname + search);
  });
  const devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable");
  // Slowing the page down takes a core of its own, so this comes before it.
  await idle(context.browser());
  if (slow) {
    await devtools.send("Network.enable");
    await devtools.send("Network.emulateNetworkConditions", { offline: false, ...slow.network });
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: slow.cpu });
  }
  await page.goto(route.address, { waitUntil: "load", timeout: SETTLE_MAX_MS });
  await settled(page);
  const figures = await page.evaluate(read);
  // What the click below brings is no longer the first visit's.
  const asked = [...files];
  await devtools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devtools.send("Performance.getMetrics");
  figures.heap_bytes = metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? null;
  figures.inp_ms = await clicked(page, route.click);
  await page.close();
  return { figures, files: asked };
}

/** How long one click took to show on screen; nothing where it left the page. */
async function clicked(page, selector) {
  try {
    await page.locator(selector).first().click({ timeout: 5_000 });
    await sleep(QUIET_MS);
    // Events that took less than 16 ms are not reported.
    return await page.evaluate(() => (window.measured ? Math.max(16, ...window.measured.events) : null));
  } catch {
    return null;
  }
}

/** The path of a conversation that holds one question and its answer. */
async function asked(browser, base, cookie) {
  const context = await browser.newContext({ baseURL: base });
  await context.addCookies([cookie]);
  const page = await context.newPage();
  await page.goto("/coach");
  await settled(page);
  await page.getByTestId("composer").fill("What do the first pages say?");
  await page.getByTestId("send").click();
  await page.waitForURL(/\/coach\/[0-9a-f-]{36}/);
  await page.getByTestId("answer").waitFor();
  const { pathname } = new URL(page.url());
  await context.close();
  return pathname;
}

async function measure(browser, base, cookie, route) {
  const samples = new Map();
  let files = [];
  for (let n = 0; n < runs; n += 1) {
    for (const { name, slow } of CONDITIONS) {
      const context = await browser.newContext({ baseURL: base, locale: "en-GB", timezoneId: "UTC" });
      if (!route.visitor) await context.addCookies([cookie]);
      await context.addInitScript(observe);
      for (const cache of ["cold", "warm"]) {
        const one = await visit(context, route, slow);
        if (cache === "cold") files = one.files;
        const key = `${name}_${cache}`;
        samples.set(key, [...(samples.get(key) ?? []), one.figures]);
      }
      await context.close();
    }
  }
  if (!route.visitor) files = [...new Set([...files, ...(await workersFiles(base))])];
  const weighed = [];
  const who = route.visitor ? undefined : cookie;
  for (const path of files.sort()) {
    const [raw, br] = [await bytesOf(base + path, who), await bytesOf(base + path, who, "br")];
    weighed.push({ path, raw, br });
  }
  const scripts = weighed.filter(({ path }) => isCode(path));
  const sum = (list, what) => list.reduce((sum, file) => sum + file[what], 0);
  const conditions = {};
  for (const [key, all] of samples) {
    const names = Object.keys(all[0]);
    conditions[key] = Object.fromEntries(
      names.map((name) => [name, rounded(name, median(all.map((figures) => figures[name])))]),
    );
  }
  return {
    route: route.name,
    files: weighed,
    all_raw: sum(weighed, "raw"),
    all_br: sum(weighed, "br"),
    script_files: scripts.length,
    script_raw: sum(scripts, "raw"),
    script_br: sum(scripts, "br"),
    // As a first visit on a slow phone sees it.
    ...conditions.throttled_cold,
    conditions,
  };
}

function rounded(name, value) {
  if (value === null) return null;
  return name === "cls" ? Math.round(value * 10_000) / 10_000 : Math.round(value);
}

const text = (value, unit = "") => (value === null ? "-" : `${value}${unit}`);

function table(rows) {
  const out = [
    "# What a page costs",
    "",
    `Machine: ${machine}, browser and server on the same. Median of ${runs}. Throttled: 1.64 Mbit/s, 150 ms, 4 x CPU.`,
    "",
    "## Bytes of a first visit",
    "",
    "Code is JavaScript and WASM. The service worker counts, and all it fetches; so do HTML, style, icons and pictures.",
    "",
    "| page | files of code | raw | Brotli | over `/`, Brotli | all files | raw | Brotli |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
  ];
  const home = rows.find((row) => row.route === "/");
  for (const row of rows) {
    const over = home && row !== home && row.script_br > 0 ? row.script_br - home.script_br : "";
    const all = `${row.files.length} | ${row.all_raw} | ${row.all_br}`;
    out.push(`| ${row.route} | ${row.script_files} | ${row.script_raw} | ${row.script_br} | ${over} | ${all} |`);
  }
  for (const { name } of CONDITIONS) {
    for (const cache of ["cold", "warm"]) {
      out.push("", `## ${name[0].toUpperCase()}${name.slice(1)}, ${cache} cache`, "");
      out.push("| page | FCP, ms | LCP, ms | TBT, ms | CLS | INP of a click, ms | JS heap, MB |");
      out.push("|---|--:|--:|--:|--:|--:|--:|");
      for (const row of rows) {
        const one = row.conditions[`${name}_${cache}`];
        const heap = one.heap_bytes === null ? "-" : (one.heap_bytes / 1_048_576).toFixed(1);
        const inp = one.inp_ms === 16 ? "<= 16" : text(one.inp_ms);
        out.push(`| ${row.route} | ${text(one.fcp_ms)} | ${text(one.lcp_ms)} | ${text(one.tbt_ms)} | ${text(one.cls)} | ${inp} | ${heap} |`);
      }
    }
  }
  const missed = goalsMissed(rows);
  out.push("", missed.length ? `Missed: ${missed.join("; ")}.` : "Every goal is met.");
  return out.join("\n");
}

function goalsMissed(rows) {
  const missed = [];
  const hold = (what, value, most) => value !== null && value > most && missed.push(`${what} ${value} > ${most}`);
  for (const row of rows) {
    const { throttled_cold: cold, throttled_warm: warm } = row.conditions;
    const goal = GOALS[row.route] ?? {};
    if (goal.br) hold(`${row.route} Brotli`, row.script_br, goal.br);
    if (goal.raw) hold(`${row.route} raw`, row.script_raw, goal.raw);
    if (goal.cold_lcp) hold(`${row.route} LCP`, cold.lcp_ms, goal.cold_lcp);
    if (goal.warm_lcp) hold(`${row.route} warm LCP`, warm.lcp_ms, goal.warm_lcp);
    hold(`${row.route} TBT`, cold.tbt_ms, TBT_GOAL_MS);
    hold(`${row.route} CLS`, cold.cls, CLS_GOAL);
  }
  return missed;
}

const machine = `${os.cpus().length} × ${os.cpus()[0]?.model ?? "unknown"}, ${os.platform()} ${os.arch()}`;
const folder = await mkdtemp(path.join(os.tmpdir(), "studyin-bench-"));
let server;
let browser;
try {
  const dataDir = path.join(folder, "data");
  console.error("seeding a student");
  const { stdout } = await run(program, ["seed", dataDir, ...SEED], { maxBuffer: 64 << 20, cwd: folder });
  const [token] = JSON.parse(stdout.trim().split("\n").at(-1)).tokens;
  server = await startServer(dataDir, folder);
  const listed = await fetch(`${server.url}/api/materials/`, { headers: { authorization: `Bearer ${token}` } });
  const list = await listed.json();
  const material = (Array.isArray(list) ? list : (list.materials ?? list.items))[0].id;
  const cookie = await signIn(server.url, dataDir, folder);

  browser = await chromium.launch({
    executablePath: browserProgram(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const conversation = await asked(browser, server.url, cookie);

  const rail = (to) => `nav a[href="${to}"]:visible`;
  const routes = [
    { name: "/", address: "/", click: rail("/library") },
    { name: "/library", address: "/library", click: rail("/coach") },
    { name: "/library/:id", address: `/library/${material}`, click: rail("/library") },
    { name: "/coach", address: "/coach", click: rail("/library") },
    { name: "/coach/:id", address: conversation, click: rail("/library") },
    { name: "/analytics", address: "/analytics", click: rail("/library") },
    { name: "/settings", address: "/settings", click: rail("/library") },
    // The first student that was seeded owns the server.
    { name: "/admin/performance", address: "/admin/performance", click: rail("/library") },
    { name: "/login", address: "/login", click: 'input[name="email"]', visitor: true },
    { name: "/signup", address: "/signup", click: 'input[name="email"]', visitor: true },
  ];
  const wanted = process.env.BENCH_ROUTES?.split(",");
  const rows = [];
  for (const route of routes.filter(({ name }) => !wanted || wanted.includes(name))) {
    const row = await measure(browser, server.url, cookie, route);
    rows.push(row);
    console.error(`${row.route}: ${row.script_files} files, ${row.script_br} bytes as Brotli, LCP ${row.lcp_ms} ms throttled`);
  }
  const markdown = table(rows);
  await mkdir("target/bench", { recursive: true });
  await writeFile("target/bench/frontend.md", `${markdown}\n`);
  await writeFile("target/bench/frontend.json", `${JSON.stringify({ machine, runs, routes: rows }, null, 1)}\n`);
  console.log(markdown);
  console.log("\nwritten to target/bench/frontend.md and frontend.json");
} finally {
  await browser?.close();
  if (server) await stop(server.child);
  await rm(folder, { recursive: true, force: true });
}
