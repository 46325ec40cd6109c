// Measures the release server: start-up, memory, first-visit bytes, CPU and latency of pages.
// Usage: node scripts/bench.mjs target/release/server
// Figures depend on the machine; compare only figures of one run, or of one idle machine.

import { spawn, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";

const program = path.resolve(process.argv[2] ?? "target/release/server");
const modelDir = path.resolve(process.env.MODEL_DIR ?? "data/models/all-MiniLM-L6-v2");
const siteRoot = path.resolve("target/site");

/** Starts whose median is reported. */
const STARTS = 5;
/** Requests a page is measured with, one after another, after as many to warm up. */
const REQUESTS = 200;
/** Milliseconds an idle server is left alone before its memory is read. */
const IDLE_MS = 3_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const agent = new http.Agent({ keepAlive: true });

/** One request; the body is counted and kept, never unpacked. */
function send(url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function start(folder, model) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const child = spawn(program, {
    cwd: folder,
    stdio: "ignore",
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      DATA_DIR: path.join(folder, "data"),
      MODEL_DIR: model,
      SITE_ROOT: siteRoot,
      LOG_LEVEL: "warn",
    },
  });
  for (;;) {
    const up = await send(`${url}/health/live`).then(({ status }) => status === 200, () => false);
    if (up) break;
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (performance.now() - began > 30_000) throw new Error("the server did not start within 30 s");
    await sleep(2);
  }
  return { url, child, startMs: performance.now() - began };
}

async function stop({ child }) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

async function withServer(model, use) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "studyin-bench-"));
  try {
    const server = await start(folder, model);
    try {
      return await use(server);
    } finally {
      await stop(server);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const rssMb = ({ child }) =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(child.pid)]).toString()) / 1024;

/** CPU seconds the server has used, to a hundredth. */
function cpuSeconds({ child }) {
  const text = execFileSync("ps", ["-o", os.platform() === "linux" ? "cputimes=" : "time=", "-p", String(child.pid)]);
  if (os.platform() !== "linux") {
    return text.toString().trim().split(":").reduce((total, part) => total * 60 + Number(part), 0);
  }
  // ps rounds to seconds on Linux; /proc does not.
  const stat = execFileSync("cat", [`/proc/${child.pid}/stat`]).toString();
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Signs a student up and returns her cookie. */
async function signUp({ url }) {
  const body = new URLSearchParams({
    email: "bench@example.org",
    password: "a sentence to measure by",
    time_zone: "UTC",
  }).toString();
  const answer = await send(`${url}/signup`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin: url, "sec-fetch-site": "same-origin" },
    body,
  });
  const cookie = (answer.headers["set-cookie"] ?? []).map((line) => line.split(";")[0]).join("; ");
  if (!cookie) throw new Error(`sign-up answered ${answer.status}`);
  return cookie;
}

/** Bytes of the scripts and modules the home page asks for before anything is clicked. */
async function firstVisit({ url }, cookie) {
  const page = (await send(`${url}/`, { headers: { cookie } })).body.toString();
  const wanted = new Set([...page.matchAll(/["'(](\/pkg\/[^"')]+\.(?:js|wasm))["')]/g)].map(([, file]) => file));
  const sums = { files: wanted.size, raw: 0, br: 0 };
  for (const file of wanted) {
    sums.raw += (await send(url + file)).body.length;
    sums.br += (await send(url + file, { headers: { "accept-encoding": "br" } })).body.length;
  }
  return sums;
}

async function pageCost(server, cookie, route) {
  const request = () => send(server.url + route, { headers: { cookie } });
  for (let n = 0; n < REQUESTS; n += 1) await request();
  const times = [];
  const cpu = cpuSeconds(server);
  for (let n = 0; n < REQUESTS; n += 1) {
    const began = performance.now();
    const { status } = await request();
    times.push(performance.now() - began);
    if (status !== 200) throw new Error(`${route} answered ${status}`);
  }
  const cpuMs = ((cpuSeconds(server) - cpu) * 1_000) / REQUESTS;
  return `${cpuMs.toFixed(2)} / ${median(times).toFixed(1)} / ${percentile(times, 0.95).toFixed(1)}`;
}

const rows = [["machine", `${os.cpus().length} × ${os.cpus()[0]?.model ?? "unknown"}, ${os.platform()} ${os.arch()}`]];
const noModel = path.join(os.tmpdir(), "studyin-no-model");

const starts = [];
for (let n = 0; n < STARTS; n += 1) starts.push(await withServer(modelDir, ({ startMs }) => startMs));
rows.push([`cold start with an empty folder, ms (median of ${STARTS})`, median(starts).toFixed(0)]);

rows.push([
  "idle memory without the embedding model, MB",
  (await withServer(noModel, async (server) => (await sleep(IDLE_MS), rssMb(server)))).toFixed(0),
]);

await withServer(modelDir, async (server) => {
  await sleep(IDLE_MS);
  rows.push(["idle memory with the embedding model, MB", rssMb(server).toFixed(0)]);
  const cookie = await signUp(server);
  const { files, raw, br } = await firstVisit(server, cookie);
  rows.push([`first visit signed in, JS + WASM, ${files} files, bytes raw / Brotli`, `${raw} / ${br}`]);
  for (const route of ["/", "/library", "/analytics"]) {
    rows.push([`${route}: CPU ms a request / median ms / p95 ms`, await pageCost(server, cookie, route)]);
  }
});

const width = Math.max(...rows.map(([what]) => what.length));
for (const [what, value] of rows) console.log(`${what.padEnd(width)}  ${value}`);
agent.destroy();
