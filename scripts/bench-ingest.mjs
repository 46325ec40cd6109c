// Measures the way of a document from its upload to being searchable and ready, in one table.
// Usage: node scripts/bench-ingest.mjs target/release/server [PYTHON]
// With PYTHON (an interpreter that has pypdf, sentence-transformers and chromadb) the peer is measured
// in the same run. PAGES="20 200 1000" and EMBEDDERS="stub builtin" choose less.
// Figures depend on the machine; compare only figures of one run.

import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { deflateSync } from "node:zlib";

const program = path.resolve(process.argv[2] ?? "target/release/server");
const python = process.argv[3];
const modelDir = path.resolve(process.env.MODEL_DIR ?? "data/models/all-MiniLM-L6-v2");
const SIZES = (process.env.PAGES ?? "20 200 1000").split(" ").map(Number);
const EMBEDDERS = (process.env.EMBEDDERS ?? "stub builtin").split(" ");

/** Lines and words of one page: an ordinary page of a textbook. */
const LINES = 35;
const LINE_WORDS = 11;
/** Pause between two looks at the library, in milliseconds: what the times are exact to. */
const LOOK_MS = 10;
/** Longest one document may take, in milliseconds. */
const PATIENCE_MS = 15 * 60_000;

const WORDS =
  "the heart pumps blood through arteries and veins while lungs exchange oxygen with carbon dioxide in small sacs called alveoli pressure volume flow resistance cell membrane protein enzyme reaction energy sodium potassium channel gradient diffusion transport kidney filter hormone receptor signal pathway gene expression muscle contraction nerve impulse".split(
    " ",
  );

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Numbers that look random and are the same on every run. */
function dice(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A PDF of `count` pages of text, with a line that repeats on each. */
function pdf(count) {
  const roll = dice(count);
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    `<</Type/Pages/Count ${count}/Kids[${Array.from({ length: count }, (_, n) => `${4 + 2 * n} 0 R`).join(" ")}]>>`,
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
  ];
  for (let page = 1; page <= count; page += 1) {
    const lines = [`(Notes on the body, page ${page} of ${count}) Tj T*`];
    for (let line = 0; line < LINES; line += 1) {
      const words = Array.from({ length: LINE_WORDS }, () => WORDS[roll(WORDS.length)]);
      if (line % 2 === 0) words[0] = words[0][0].toUpperCase() + words[0].slice(1);
      const end = line % 2 === 0 ? "" : ".";
      lines.push(`(${words.join(" ")}${end}) Tj T*`);
    }
    const content = deflateSync(`BT /F1 11 Tf 13 TL 50 750 Td ${lines.join("\n")} ET`);
    objects.push(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 3 0 R>>>>/Contents ${2 * page + 3} 0 R>>`,
      Buffer.concat([
        Buffer.from(`<</Length ${content.length}/Filter/FlateDecode>>\nstream\n`),
        content,
        Buffer.from("\nendstream"),
      ]),
    );
  }
  const parts = [Buffer.from("%PDF-1.5\n")];
  let length = parts[0].length;
  const offsets = [];
  for (const [index, object] of objects.entries()) {
    offsets.push(length);
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object), Buffer.from("\nendobj\n")]);
    parts.push(part);
    length += part.length;
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${length}\n%%EOF`,
    ),
  );
  return Buffer.concat(parts);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function start(folder, embedder) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(program, {
    cwd: folder,
    stdio: "ignore",
    env: {
      PATH: process.env.PATH,
      PORT: new URL(url).port,
      DATA_DIR: path.join(folder, "data"),
      MODEL_DIR: modelDir,
      EMBEDDER: embedder,
      LOG_LEVEL: "warn",
    },
  });
  for (const began = performance.now(); ; await sleep(5)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (await fetch(`${url}/health/live`).then((answer) => answer.ok, () => false)) break;
    if (performance.now() - began > 30_000) throw new Error("the server did not start within 30 s");
  }
  return { url, child };
}

/** Whether the model is in memory: else its loading would be measured. */
async function hasModel({ url }, cookie) {
  const answer = await fetch(`${url}/api/fn/coach_status`, { method: "POST", headers: { cookie, origin: url } });
  return answer.ok && (await answer.json()).search_note === null;
}

async function signUp({ url }) {
  const answer = await fetch(`${url}/signup`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: url, "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ email: "bench@example.org", password: "a sentence to measure by", time_zone: "UTC" }),
  });
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  if (!cookie) throw new Error(`sign-up answered ${answer.status}`);
  return cookie;
}

/** Most memory a process has held, in MB; Linux tells. */
async function peakMb(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const found = /VmHWM:\s+(\d+) kB/.exec(status);
  return found ? Number(found[1]) / 1024 : NaN;
}

/** Texts the server has embedded so far. */
async function embeddedTexts({ url }) {
  const figures = await (await fetch(`${url}/metrics`)).text();
  const found = /^ingest_texts_embedded_total (\d+)/m.exec(figures);
  return found ? Number(found[1]) : NaN;
}

async function library({ url }, cookie) {
  const answer = await fetch(`${url}/api/fn/materials`, {
    method: "POST",
    headers: { cookie, origin: url, "content-type": "application/x-www-form-urlencoded" },
  });
  if (!answer.ok) throw new Error(`the library answered ${answer.status}`);
  return answer.json();
}

async function measure(bytes, embedder) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "studyin-bench-"));
  const server = await start(folder, embedder);
  try {
    const cookie = await signUp(server);
    while (!(await hasModel(server, cookie))) await sleep(50);
    const form = new FormData();
    form.append("file", new Blob([bytes], { type: "application/pdf" }), "bench.pdf");
    const began = performance.now();
    const answer = await fetch(`${server.url}/library/upload`, {
      method: "POST",
      headers: { cookie, origin: server.url, accept: "application/json" },
      body: form,
    });
    if (!answer.ok) throw new Error(`the upload answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
    let first;
    for (;;) {
      const [material] = await library(server, cookie);
      const elapsed = (performance.now() - began) / 1_000;
      if (material.pages_searchable > 0) first ??= elapsed;
      if (material.state.stage === "ready" && material.embedded) {
        return { first, ready: elapsed, texts: await embeddedTexts(server), peak: await peakMb(server.child.pid) };
      }
      if (material.state.stage === "failed") throw new Error(material.state.message);
      if (elapsed * 1_000 > PATIENCE_MS) throw new Error("it took too long");
      await sleep(LOOK_MS);
    }
  } finally {
    const ended = new Promise((resolve) => server.child.once("exit", resolve));
    server.child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
}

/** The peer's figures, from its own process. */
async function measurePeer(bytes, embedder) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "studyin-peer-"));
  try {
    const file = path.join(folder, "bench.pdf");
    await writeFile(file, bytes);
    const script = path.resolve("scripts/bench-ingest-peer.py");
    const said = execFileSync(python, [script, file, embedder, modelDir], { stdio: ["ignore", "pipe", "inherit"] });
    return JSON.parse(said.toString().trim().split("\n").at(-1));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const rows = [
  ["who", "embedder", "pages", "first page searchable, s", "ready, s", "pages/s", "texts embedded/s", "peak memory, MB"],
];
let peerFailed = false;
for (const embedder of EMBEDDERS) {
  for (const pages of SIZES) {
    const bytes = pdf(pages);
    const who = [["Studyin", measure]];
    if (python && !peerFailed) who.push(["pypdf + Chroma", measurePeer]);
    for (const [name, run] of who) {
      let figures;
      try {
        figures = await run(bytes, embedder);
      } catch (error) {
        if (run !== measurePeer) throw error;
        peerFailed = true;
        console.error(`The peer does not run, and is left out: ${error.message}`);
        continue;
      }
      const { first, ready, texts, peak } = figures;
      rows.push([
        name,
        embedder,
        String(pages),
        first.toFixed(2),
        ready.toFixed(2),
        (pages / ready).toFixed(0),
        (texts / ready).toFixed(1),
        peak.toFixed(0),
      ]);
      console.error(rows.at(-1).join("  "));
    }
  }
}

console.log(`machine: ${os.cpus().length} × ${os.cpus()[0]?.model ?? "unknown"}, ${os.platform()} ${os.arch()}`);
const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column])).join("  "));
