// Measures what requests cost the release server, without its caches, with the one in the process and
// with Redis. Usage: node scripts/benchmark_backend.mjs target/release/server [PYTHON]
// With PYTHON (an interpreter that has chromadb) the search is also made by Chroma.
// Figures depend on the machine; compare only figures of one run.

import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";

const run = promisify(execFile);
const program = path.resolve(process.argv[2] ?? "target/release/server");
const python = process.argv[3];
const seconds = Number(process.env.BENCH_SECONDS ?? 3);
const scripts = path.resolve("scripts");

/** Requests under way at once. */
const CONCURRENCY = [1, 16, 64];
/** Seconds before each measurement. */
const WARM_UP = 1;
/** Questions that come again and again where the cache is measured. */
const REPEATED = 50;
/** Rates that are for people, raised out of the way. */
const NO_LIMIT = "1000000";

/** The databases, and what is asked of each. */
const WORLDS = [
  {
    name: "one student, 5,000 passages, a year of study",
    seed: [],
    passages: 5_000,
    routes: ["materials", "overview", "heatmap", "gamification", "search"],
  },
  {
    name: "one student, 100,000 passages",
    seed: ["--passages", "100000", "--materials", "200", "--sessions", "30", "--activities", "200"],
    passages: 100_000,
    routes: ["materials", "search"],
  },
  {
    name: "200 students, 100 passages each",
    seed: ["--students", "200", "--passages", "100", "--materials", "5", "--sessions", "30", "--activities", "200"],
    routes: ["materials", "overview", "heatmap", "gamification", "search"],
  },
];

/** Activities of one student in a year, for figures of it that must not take longer with more of them. */
const YEARS = [20_000, 2_000_000];
const YEAR_ROUTES = ["overview of a year", "heatmap", "gamification"];
/** How much more the busier year may cost. */
const YEARS_APART = 1.2;

const PATHS = {
  "overview of a year": "/api/analytics/learning/overview?days=365",
  materials: "/api/materials/",
  overview: "/api/analytics/learning/overview?days=30",
  heatmap: "/api/analytics/learning/heatmap?days=365",
  gamification: "/api/analytics/gamification/progress?days=365",
};
/** The cache's name for what a route answers with. */
const NAMESPACES = { materials: "materials", search: "rag" };

/** Most CPU milliseconds a request may cost with 5,000 passages: a tenth and a thirtieth of what the
 * system before this one took, as its authors measured it. */
const GOALS = {
  materials: { off: 0.5, cached: 0.167 },
  overview: { off: 0.39, cached: 0.13 },
  heatmap: { off: 0.65, cached: 0.217 },
  gamification: { off: 0.48, cached: 0.16 },
  search: { off: 0.97, cached: 0.157 },
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

async function startServer(dataDir, folder, cache) {
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
      LOG_LEVEL: "warn",
      SEARCHES_PER_MINUTE: NO_LIMIT,
      ...cache,
    },
  });
  for (const began = performance.now(); ; await sleep(10)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (await fetch(`${url}/health/live`).then((answer) => answer.ok, () => false)) return { url, child };
    if (performance.now() - began > 30_000) throw new Error("the server did not start within 30 s");
  }
}

/** Redis on a port of its own, or nothing where there is none. */
async function startRedis(folder) {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
  } catch {
    console.error("redis-server is not installed: it is left out");
    return null;
  }
  const port = await freePort();
  const child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], {
    stdio: "ignore",
  });
  await sleep(300);
  return { url: `redis://127.0.0.1:${port}`, child };
}

/** A way to Redis that can be made slow: every answer waits for `delayMs`. */
async function startProxy(redis) {
  const proxy = { delayMs: 0 };
  const port = Number(new URL(redis.url).port);
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const close = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on("error", close).on("close", close);
    upstream.on("error", close).on("close", close);
    client.pipe(upstream);
    upstream.on("data", (bytes) => setTimeout(() => client.writable && client.write(bytes), proxy.delayMs));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.url = `redis://127.0.0.1:${server.address().port}`;
  proxy.stop = () => server.close();
  return proxy;
}

/** CPU milliseconds a process has taken, to ten of them. */
async function cpuMs({ pid }) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (stat === null) return NaN;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function hits({ url }, namespace) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const count = (what) => {
    const found = new RegExp(`^cache_${what}_total\\{namespace="${namespace}"\\} (\\d+)`, "m").exec(text);
    return found ? Number(found[1]) : 0;
  };
  return { hits: count("hits"), misses: count("misses") };
}

/** The lines wrk's script reads: a request each. */
function lines(route, world, questions) {
  const { tokens } = world;
  if (route !== "search") return tokens.map((token) => `GET\t${PATHS[route]}\t${token}\t`);
  const count = Math.max(questions.length, tokens.length);
  return Array.from({ length: count }, (_, n) => {
    const body = JSON.stringify({ query: questions[n % questions.length], limit: 8 });
    return `POST\t/api/search\t${tokens[n % tokens.length]}\t${body}`;
  });
}

async function load(server, file, concurrency, duration) {
  const { stdout } = await run("wrk", [
    "--threads=1",
    `--connections=${concurrency}`,
    `--duration=${duration}s`,
    "--timeout=30s",
    `--script=${path.join(scripts, "benchmark_backend.lua")}`,
    server.url,
    "--",
    file,
  ]);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

async function measure(server, world, route, cache, concurrency, folder) {
  const file = path.join(folder, "requests");
  const questions = cache === "off" ? world.questions : world.questions.slice(0, REPEATED);
  await writeFile(file, `${lines(route, world, questions).join("\n")}\n`);
  await load(server, file, concurrency, WARM_UP);
  const namespace = NAMESPACES[route] ?? "analytics";
  const [before, cpu] = [await hits(server, namespace), await cpuMs(server.child)];
  const figures = await load(server, file, concurrency, seconds);
  const after = await hits(server, namespace);
  if (figures.refused > 0 || figures.broken > 0) {
    throw new Error(`${route}: ${figures.refused} requests refused, ${figures.broken} broken`);
  }
  const [gained, lost] = [after.hits - before.hits, after.misses - before.misses];
  return {
    world: world.name,
    route,
    cache,
    concurrency,
    p50_ms: figures.p50_ms,
    p99_ms: figures.p99_ms,
    per_second: figures.requests / figures.seconds,
    cpu_ms: ((await cpuMs(server.child)) - cpu) / figures.requests,
    hit_rate: gained + lost > 0 ? gained / (gained + lost) : null,
  };
}

/** Asks once in each student's name: what is read into memory then is not measured. */
async function firstSearch({ url }, world) {
  for (const token of world.tokens) {
    const answer = await fetch(`${url}/api/search`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ query: world.questions[0] }),
    });
    if (!answer.ok) throw new Error(`the first search answered ${answer.status}`);
    await answer.arrayBuffer();
  }
}

/** Different questions, of which no server has heard: each asks Redis and writes to it. */
async function faults(dataDir, world, redis) {
  const proxy = await startProxy(redis);
  const server = await startServer(dataDir, folder, { REDIS_URL: proxy.url });
  const file = path.join(folder, "requests");
  let asked = 0;
  const run = async (fault) => {
    // The questions are told apart by a number each time.
    const questions = Array.from({ length: 4_000 }, () => {
      asked += 1;
      return `${world.questions[asked % world.questions.length]} ${asked}`;
    });
    await writeFile(file, `${lines("search", world, questions).join("\n")}\n`);
    const { p50_ms, p99_ms, requests, seconds: took, refused, broken } = await load(server, file, 16, seconds);
    return { fault, p50_ms, p99_ms, per_second: requests / took, failed: refused + broken };
  };
  const found = [];
  try {
    await load(server, file, 1, 1);
    found.push(await run("none"));
    redis.child.kill("SIGSTOP");
    found.push(await run("frozen"));
    redis.child.kill("SIGCONT");
    await sleep(3_000);
    found.push(await run("back again"));
    for (const delayMs of [20, 200]) {
      proxy.delayMs = delayMs;
      found.push(await run(`answers ${delayMs} ms late`));
    }
    proxy.delayMs = 0;
    await sleep(3_000);
    redis.child.kill("SIGKILL");
    found.push(await run("killed"));
  } finally {
    // A frozen one cannot be stopped.
    redis.child.kill("SIGCONT");
    await stop(server.child);
    proxy.stop();
  }
  return found;
}

/** Fills a folder with a world's database. Answers with its tokens and questions. */
async function seeded(dataDir, options) {
  const { stdout } = await run(program, ["seed", dataDir, ...options], { maxBuffer: 64 << 20, cwd: folder });
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** The figures of a year, by how busy it was: measured in turn, so that both meet the same machine. */
async function years() {
  const worlds = [];
  const found = [];
  try {
    for (const activities of YEARS) {
      const dataDir = path.join(folder, `year${activities}`);
      console.error(`seeding: a year of ${activities.toLocaleString("en")} activities`);
      const world = await seeded(dataDir, ["--activities", String(activities)]);
      world.name = `a year of ${activities} activities`;
      worlds.push({ world, server: await startServer(dataDir, folder, { CACHE: "off" }) });
    }
    for (const route of YEAR_ROUTES) {
      const costs = [];
      for (const { world, server } of worlds) costs.push((await measure(server, world, route, "off", 1, folder)).cpu_ms);
      found.push({ route, cpu_ms: costs, ratio: costs[1] / costs[0] });
      console.error(`${route}: ${costs.map((cost) => cost.toFixed(3)).join(" and ")} ms CPU`);
    }
  } finally {
    for (const { server } of worlds) await stop(server.child);
  }
  return found;
}

async function peer(passages) {
  if (!python) return null;
  try {
    const script = path.join(scripts, "benchmark_backend.py");
    const { stdout } = await run(python, [script, String(passages), String(seconds)]);
    return JSON.parse(stdout.trim().split("\n").at(-1));
  } catch (error) {
    console.error(`Chroma does not run, and is left out: ${error.message.split("\n")[0]}`);
    return null;
  }
}

const rows = [];
const peers = [];
let failures = [];
let busy = [];
const folder = await mkdtemp(path.join(os.tmpdir(), "studyin-bench-"));
const redis = await startRedis(folder);
try {
  const caches = { off: { CACHE: "off" }, memory: {}, ...(redis && { redis: { REDIS_URL: redis.url } }) };
  for (const [number, world] of WORLDS.entries()) {
    const dataDir = path.join(folder, `world${number}`);
    console.error(`seeding: ${world.name}`);
    Object.assign(world, await seeded(dataDir, world.seed));
    for (const [cache, settings] of Object.entries(caches)) {
      const server = await startServer(dataDir, folder, settings);
      try {
        await firstSearch(server, world);
        for (const route of world.routes) {
          for (const concurrency of CONCURRENCY) {
            const row = await measure(server, world, route, cache, concurrency, folder);
            rows.push(row);
            console.error(
              `${route} ${cache} ${concurrency}: p50 ${row.p50_ms.toFixed(2)} ms, ${row.cpu_ms.toFixed(3)} ms CPU`,
            );
          }
        }
      } finally {
        await stop(server.child);
      }
    }
    if (redis && number === WORLDS.length - 1) failures = await faults(dataDir, world, redis);
    const figures = world.passages && (await peer(world.passages));
    if (figures) peers.push({ passages: world.passages, ...figures });
    await rm(dataDir, { recursive: true, force: true });
  }
  busy = await years();
} finally {
  if (redis) await stop(redis.child);
  await rm(folder, { recursive: true, force: true });
}

const machine = `${os.cpus().length} × ${os.cpus()[0]?.model ?? "unknown"}, ${os.platform()} ${os.arch()}`;
const CACHES = { off: "off", memory: "in the process", redis: "in the process and Redis" };
const out = [
  "# What a request costs",
  "",
  `Machine: ${machine}, the load generator on the same. Each line ${seconds} s after 1 s of warming up.`,
  "CPU is the server's own, user and system.",
];
for (const world of WORLDS) {
  out.push("", `## ${world.name[0].toUpperCase()}${world.name.slice(1)}`, "");
  out.push("| request | at once | cache | p50, ms | p99, ms | requests/s | CPU, ms | goal, ms | hit rate |");
  out.push("|---|--:|---|--:|--:|--:|--:|--:|--:|");
  const mine = rows.filter((row) => row.world === world.name);
  for (const route of world.routes) {
    for (const concurrency of CONCURRENCY) {
      for (const row of mine.filter((one) => one.route === route && one.concurrency === concurrency)) {
        const goal = world === WORLDS[0] ? GOALS[route][row.cache === "off" ? "off" : "cached"] : "";
        const rate = row.hit_rate === null ? "" : `${(row.hit_rate * 100).toFixed(1)} %`;
        const figures = [row.p50_ms.toFixed(2), row.p99_ms.toFixed(2), row.per_second.toFixed(0), row.cpu_ms.toFixed(3)];
        out.push(`| ${route} | ${concurrency} | ${CACHES[row.cache]} | ${figures.join(" | ")} | ${goal} | ${rate} |`);
      }
    }
  }
}
const [few, many] = YEARS.map((activities) => activities.toLocaleString("en"));
out.push("", `## Figures of a year of ${few} and of ${many} activities, without caches`, "");
out.push(`| request | CPU, ms: ${few} | ${many} | ratio | goal |`, "|---|--:|--:|--:|--:|");
for (const one of busy) {
  const costs = one.cpu_ms.map((cost) => cost.toFixed(3));
  out.push(`| ${one.route} | ${costs.join(" | ")} | ${one.ratio.toFixed(2)} | ${YEARS_APART} |`);
}
if (peers.length > 0) {
  out.push("", "## The same search through Chroma, filtered by student, one at a time, without HTTP", "");
  out.push("| passages of the student | p50, ms | p99, ms | queries/s | CPU, ms |", "|--:|--:|--:|--:|--:|");
  for (const one of peers) {
    const figures = [one.p50_ms.toFixed(2), one.p99_ms.toFixed(2), one.per_second.toFixed(0), one.cpu_ms.toFixed(2)];
    out.push(`| ${one.passages} | ${figures.join(" | ")} |`);
  }
}
if (failures.length > 0) {
  out.push("", "## When Redis fails: 16 searches at once, each for something new", "");
  out.push("| Redis | p50, ms | p99, ms | requests/s | failed |", "|---|--:|--:|--:|--:|");
  for (const one of failures) {
    const figures = [one.p50_ms.toFixed(2), one.p99_ms.toFixed(2), one.per_second.toFixed(0), one.failed];
    out.push(`| ${one.fault} | ${figures.join(" | ")} |`);
  }
}
await mkdir("target/bench", { recursive: true });
await writeFile("target/bench/backend.md", `${out.join("\n")}\n`);
await writeFile("target/bench/backend.json", `${JSON.stringify({ machine, rows, years: busy, faults: failures, chroma: peers }, null, 1)}\n`);
console.log(out.join("\n"));
console.log("\nwritten to target/bench/backend.md and backend.json");
