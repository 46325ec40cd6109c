// The last step of a build: gives the built scripts names that change whenever anything in them
// does, tells the service worker which build it belongs to, and writes the compressed copies the
// server sends and the checksums it puts into pages whose files lie elsewhere.
// Usage: node scripts/finish-site.mjs SITE HASH_FILE
//
// cargo-leptos hashes each file first and rewrites the names inside it afterwards: the main script
// and every chunk name the loader, and the loader names every chunk. A chunk could then keep its
// name while the loader inside it got another, and a returning visitor's cache would pair files of
// two builds. The names form a circle, so no file can be hashed by itself: one hash over all of
// them goes into each name. Names keep their length, so they can be replaced inside WASM too.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { png } from "./icons.mjs";
import { packChunks } from "./pack-chunks.mjs";
import { shortened } from "./short-names.mjs";
import { transformSync } from "../frontend/node_modules/esbuild/lib/main.js";

const [site, hashFile] = process.argv.slice(2);
const pkg = path.join(site, "pkg");

/** 22 characters of base64url: 128 bits, as cargo-leptos writes them. */
const HASHED = /\.([A-Za-z0-9_-]{22})\.(js|wasm|json)$/;
/** Files whose compressed copies are worth having. */
const COMPRESSIBLE = /\.(js|wasm|json|css|svg|txt|webmanifest|html|xml)$/;
/** Below this many bytes a compressed copy saves nothing that matters. */
const COMPRESS_FROM_BYTES = 256;

/** What the service worker holds ready beside the built files. */
const WORKER_SHELL = ["/offline.html", "/offline-page.js", "/offline.js", "/ahead.js", "/favicon.svg", "/icon.svg", "/site.webmanifest"];

const shortHash = (...parts) => {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest("base64url");
};

/** What `integrity` says of a file. */
const checksum = (file) => `sha256-${createHash("sha256").update(readFileSync(file)).digest("base64")}`;

function minify(file) {
  const { code } = transformSync(readFileSync(file, "utf8"), { minify: true, format: "esm", target: "es2022" });
  writeFileSync(file, code);
}

packChunks(pkg);
for (const name of readdirSync(pkg)) {
  const file = path.join(pkg, name);
  if (/\.ts$/.test(name)) rmSync(file);
  // cargo-leptos minifies the main script and leaves the loader, one stanza a chunk, as it is.
  if (/^__wasm_split\..*\.js$/.test(name)) minify(file);
}
// Every page of a student carries these; the worker stays as it is, for people to read.
for (const name of readdirSync(site)) {
  if (/\.js$/.test(name) && name !== "sw.js") minify(path.join(site, name));
}

const [mainWasm, mainScript] = ["wasm", "js"].map((kind) =>
  path.join(pkg, readdirSync(pkg).find((name) => new RegExp(`^app\\..*\\.${kind}$`).test(name))),
);
const main = shortened(readFileSync(mainWasm), readFileSync(mainScript, "utf8"));
writeFileSync(mainWasm, main.wasm);
writeFileSync(mainScript, main.script);

/** The chart library names no other file and none names it, so its own hash is enough: a browser keeps it
    for as many builds as it stays the same. */
const CHARTS = /^echarts\./;

const names = readdirSync(pkg).filter((name) => HASHED.test(name) && !CHARTS.test(name)).sort();
const contents = new Map(names.map((name) => [name, readFileSync(path.join(pkg, name))]));
const whole = shortHash(...names.flatMap((name) => [name, contents.get(name)]));
const renamed = new Map(names.map((name) => [name.match(HASHED)[1], shortHash(whole, name.match(HASHED)[1])]));

/** Replaces every old hash by its new one; all have the same length, so nothing moves. */
function rewrite(bytes) {
  const text = bytes.toString("latin1");
  return Buffer.from(
    text.replace(/[A-Za-z0-9_-]{22,}/g, (run) => {
      for (let at = 0; at + 22 <= run.length; at += 1) {
        const next = renamed.get(run.slice(at, at + 22));
        if (next) {
          run = run.slice(0, at) + next + run.slice(at + 22);
          at += 21;
        }
      }
      return run;
    }),
    "latin1",
  );
}

for (const [name, bytes] of contents) {
  const [, hash] = name.match(HASHED);
  writeFileSync(path.join(pkg, name), rewrite(bytes));
  renameSync(path.join(pkg, name), path.join(pkg, name.replace(hash, renamed.get(hash))));
}
for (const size of [192, 512]) {
  const icon = path.join(site, "icon.svg");
  if (existsSync(icon)) writeFileSync(path.join(site, `icon-${size}.png`), png(readFileSync(icon, "utf8"), size));
}

const hashes = rewrite(readFileSync(hashFile)).toString() + nameCharts();
writeFileSync(hashFile, hashes);
stampWorker(hashes);

/** Moves the chart library to the built files; the line that says its hash. */
function nameCharts() {
  const folder = path.join(site, "vendor");
  const file = path.join(folder, "echarts.js");
  if (!existsSync(file)) return "";
  const hash = shortHash(readFileSync(file));
  renameSync(file, path.join(pkg, `echarts.${hash}.js`));
  rmSync(folder, { recursive: true });
  return `charts: ${hash}\n`;
}

/**
 * Writes the build's name, the files of its shell and their checksums into the service worker, whose bytes
 * then change with every build: that is how a browser notices one. The script and its WASM are among them because
 * a page has just loaded them, so they cost no second download.
 */
function stampWorker(hashes) {
  const worker = path.join(site, "sw.js");
  if (!existsSync(worker)) return;
  const hashOf = (what) => hashes.match(new RegExp(`^${what}: *(\\S+)$`, "m"))?.[1];
  const built = ["css", "js", "wasm"].map((what) => `/pkg/app.${hashOf(what)}.${what}`);
  const shell = [...built, ...WORKER_SHELL.filter((name) => existsSync(path.join(site, name)))];
  const offline = path.join(site, "offline.html");
  writeFileSync(offline, readFileSync(offline, "utf8").replace("/pkg/app.css", built[0]));
  const checksums = Object.fromEntries(built.map((name) => [name, checksum(path.join(site, name))]));
  const text = readFileSync(worker, "utf8");
  const build = shortHash(text, ...shell.map((name) => readFileSync(path.join(site, name))), whole);
  const stamped = text
    .replace(/^const BUILD = .*;$/m, `const BUILD = ${JSON.stringify(build)};`)
    .replace(/^const SHELL = .*;$/m, `const SHELL = ${JSON.stringify(shell)};`)
    .replace(/^const CHECKSUMS = .*;$/m, `const CHECKSUMS = ${JSON.stringify(checksums)};`);
  writeFileSync(worker, stamped);
}

let raw = 0;
let brotli = 0;
for (const entry of readdirSync(site, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue;
  const file = path.join(entry.parentPath ?? entry.path, entry.name);
  const bytes = readFileSync(file);
  if (bytes.length < COMPRESS_FROM_BYTES) continue;
  const br = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  writeFileSync(`${file}.br`, br);
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  raw += bytes.length;
  brotli += br.length;
}

// By these a page checks what another server hands on. Names are part of what is summed, so they are
// last; no file holds the sum of another, which would have to be made in some order.
const sums = readdirSync(pkg)
  .filter((name) => COMPRESSIBLE.test(name))
  .sort()
  .map((name) => [name, checksum(path.join(pkg, name))]);
writeFileSync(path.join(site, "integrity.json"), JSON.stringify(Object.fromEntries(sums)));
console.log(`    page files: ${names.length}, ${raw} bytes, ${brotli} as Brotli`);
