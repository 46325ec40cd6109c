import { expect, test } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** As cargo-leptos leaves them: each hashed by itself, before the names inside were rewritten. */
const LOADER = "loaderloaderloaderload";
const MAIN = "mainmainmainmainmainma";
const CHUNK = "chunkchunkchunkchunkch";
const WASM = "wasmwasmwasmwasmwasmwa";

/** The shortest WASM that imports a function of each module. */
function importing(...modules: string[]): Buffer {
  const text = (words: string): Buffer => Buffer.concat([Buffer.of(words.length), Buffer.from(words)]);
  const imports = Buffer.concat(modules.map((module) => Buffer.concat([text(module), text("__wbg_call_0123456789abcdef"), Buffer.of(0, 0)])));
  return Buffer.concat([
    Buffer.from("\0asm\x01\0\0\0", "latin1"),
    Buffer.of(1, 4, 1, 0x60, 0, 0),
    Buffer.of(2, imports.length + 1, modules.length),
    imports,
  ]);
}

/** A small made-up site with `sentence` in one chunk, finished; its files by their names. */
function finished(sentence: string): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "studyin-site-"));
  const pkg = join(folder, "site/pkg");
  mkdirSync(pkg, { recursive: true });
  mkdirSync(join(folder, "site/vendor"));
  const files = {
    [`site/pkg/app.${MAIN}.js`]: `import "./__wasm_split.${LOADER}.js"; export const wasm = "app.${WASM}.wasm", glue = { "./app_bg.js": { __wbg_call_0123456789abcdef() {} } };`,
    [`site/pkg/__wasm_split.${LOADER}.js`]: `import "./app.${MAIN}.js"; fetch("chunk_0.${CHUNK}.wasm");`,
    [`site/pkg/app.${WASM}.wasm`]: importing(`./__wasm_split.${LOADER}.js`, "./app_bg.js"),
    [`site/pkg/chunk_0.${CHUNK}.wasm`]: sentence,
    "site/pkg/app.stylestylestylestylest.css": "a{}",
    "site/vendor/echarts.js": "globalThis.studyinCharts = {};",
    "site/offline.html": `<link rel="stylesheet" href="/pkg/app.css">`,
    "site/sw.js": readFileSync(join(ROOT, "public/sw.js"), "utf8"),
    "hash.txt": `js: ${MAIN}\nwasm: ${WASM}\ncss: stylestylestylestylest\nsplit: ${LOADER}\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const script = join(ROOT, "scripts/finish-site.mjs");
  execFileSync(process.execPath, [script, join(folder, "site"), join(folder, "hash.txt")]);
  const found = new Map(readdirSync(pkg).map((name) => [name, readFileSync(join(pkg, name), "latin1")]));
  for (const name of ["sw.js", "offline.html", "integrity.json"]) found.set(name, readFileSync(join(folder, "site", name), "utf8"));
  rmSync(folder, { recursive: true });
  return found;
}

test("a changed string gives every script of a build another name, so that a full cache never mixes two builds", () => {
  const [before, after] = [finished("one"), finished("two")];
  const scripts = (build: Map<string, string>) => [...build.keys()].filter((name) => /^(?!echarts).*\.[\w-]{22}\.(js|wasm)$/.test(name));
  expect(scripts(before)).toHaveLength(4);
  // Whatever a browser has kept of the first build, the second asks for none of it.
  expect(scripts(after).filter((name) => before.has(name))).toEqual([]);
  for (const build of [before, after]) {
    for (const [name, text] of build) {
      for (const [named] of text.matchAll(/(?:app|__wasm_split|chunk_0)\.[\w-]{22}\.(?:js|wasm|css)/g)) {
        expect(build.has(named), `${name} names ${named}`).toBe(true);
      }
    }
  }
});

test("the same sources give the same names, and a build is told by its service worker", () => {
  const [one, again, other] = [finished("one"), finished("one"), finished("two")];
  expect([...again.keys()]).toEqual([...one.keys()]);
  expect(again.get("sw.js")).toBe(one.get("sw.js"));
  expect(other.get("sw.js")).not.toBe(one.get("sw.js"));
  expect(one.get("sw.js")).toMatch(/^const SHELL = \["\/pkg\/app\./m);
  expect(one.get("offline.html")).toContain("/pkg/app.stylestylestylestylest.css");
});

/** What the splitter writes for a file that is fetched. */
const fetched = (file: string, needed: string) => `makeLoad(() => {
    const src = fetch(new URL("./${file}.wasm", import.meta.url));
    return async (imports) => (WebAssembly.instantiateStreaming(src, imports));
}
, [${needed}])`;

test("a page's file carries the small chunks it needs, and the large ones stay files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "studyin-pack-"));
  const [page, small, large] = ["split_page", "chunk_0", "chunk_1"].map((name) => `${name}.${CHUNK}`);
  const header = Buffer.from("\0asm\x01\0\0\0", "latin1");
  // As long as makes a chunk large: a section of zeros that no program reads.
  const zeros = Buffer.concat([Buffer.of(0, 0x80, 0x80, 0x01, 1, 0x78), Buffer.alloc(0x4000 - 2)]);
  const loader = `import { initSync } from "./app.js";

let sharedImports = undefined;
const __chunk_0 = ${fetched(small ?? "", "")};
const __chunk_1 = ${fetched(large ?? "", "")};
export const __wasm_split_load_page = wrapAsyncCb(${fetched(page ?? "", "__chunk_0, __chunk_1")});
`;
  writeFileSync(join(folder, `__wasm_split.${LOADER}.js`), loader);
  writeFileSync(join(folder, "__wasm_split_manifest.json"), JSON.stringify({ page: [small, large, page] }));
  const packed = async (chunks: Record<string, Buffer>): Promise<void> => {
    for (const [name, bytes] of Object.entries(chunks)) writeFileSync(join(folder, `${name}.wasm`), bytes);
    execFileSync(process.execPath, ["-e", `import("${join(ROOT, "scripts/pack-chunks.mjs")}").then((it) => it.packChunks("${folder}"))`]);
  };
  await packed({ [page ?? ""]: header, [small ?? ""]: header, [large ?? ""]: Buffer.concat([header, zeros]) });

  const found = readdirSync(folder).filter((name) => name.endsWith(".wasm")).sort();
  expect(found).toEqual([`${large}.wasm`, `${page}.wasm`]);
  const module = new WebAssembly.Module(readFileSync(join(folder, `${page}.wasm`)));
  expect(WebAssembly.Module.customSections(module, "__chunk_0").map((section) => Buffer.from(section))).toEqual([header]);
  expect(WebAssembly.Module.customSections(module, "__chunk_1")).toEqual([]);
  const manifest = JSON.parse(readFileSync(join(folder, "__wasm_split_manifest.json"), "utf8")) as unknown;
  expect(manifest).toEqual({ page: [large, page] });
  const written = readFileSync(join(folder, `__wasm_split.${LOADER}.js`), "utf8");
  expect(written).not.toContain(small);
  expect(written).toContain(`${large}.wasm`);

  // A loader whose words are not known is no reason to leave pages without their code in silence.
  writeFileSync(join(folder, `__wasm_split.${LOADER}.js`), loader.replaceAll("makeLoad", "makeLoading"));
  await expect(packed({})).rejects.toThrow(/loads 0 of 1 pages/);
  rmSync(folder, { recursive: true });
});

test("what the main WASM imports has the same short names in it and in its script", () => {
  const build = finished("one");
  const file = (kind: string) => [...build].find(([name]) => name.startsWith("app.") && name.endsWith(kind))?.[1] ?? "";
  const [split, glue] = WebAssembly.Module.imports(new WebAssembly.Module(Buffer.from(file(".wasm"), "latin1")));
  expect(split?.name).toBe("__wbg_call_0123456789abcdef");
  expect(file(".js")).toContain(`${glue?.name}() {}`);
  expect(file(".js")).not.toContain("0123456789abcdef");
});

test("the chart library keeps its name as long as it is the same, whatever else changes", () => {
  const charts = (build: Map<string, string>) => [...build.keys()].filter((name) => /^echarts\.[\w-]{22}\.js$/.test(name));
  const [before, after] = [finished("one"), finished("two")];
  expect(charts(before)).toHaveLength(1);
  expect(charts(after)).toEqual(charts(before));
});

test("every built file has a checksum beside it, of what it is in the end", () => {
  const build = finished("one");
  const sums = JSON.parse(build.get("integrity.json") ?? "{}") as Record<string, string>;
  const built = [...build.keys()].filter((name) => /\.[\w-]{22}\.(js|wasm|css)$/.test(name));
  expect(Object.keys(sums).sort()).toEqual(built.sort());
  for (const [name, sum] of Object.entries(sums)) {
    const hash = createHash("sha256").update(build.get(name) ?? "", "latin1");
    expect(sum, name).toBe(`sha256-${hash.digest("base64")}`);
  }
});
