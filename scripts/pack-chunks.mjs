// Puts the small chunks of the split WASM into the files of the pages that need them.
//
// The splitter makes a chunk for every combination of pages that share some code: thirty files, most of
// them of a few hundred bytes, and each costs a slow phone a request and some milliseconds of the first
// paint. A page's file carries its small chunks as custom sections instead, and the loader takes them from
// there; whichever page comes first brings a chunk, as it did when it was a file.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Largest chunk, in bytes, that is worth a copy in every page that needs it. */
const SMALL_MAX_BYTES = 8_192;

/** What the splitter writes for the file of a chunk, and for that of a page. */
const FETCHED = String.raw`makeLoad\(\(\) => \{\s*const src = fetch\(new URL\("\./([^"]+)\.wasm", import\.meta\.url\)\);\s*return async \(imports\) => \(WebAssembly\.instantiateStreaming\(src, imports\)\);\s*\}\s*, \[([^\]]*)\]\)`;
const CHUNK = new RegExp(String.raw`const (__chunk_\d+) = ${FETCHED}`, "g");
const PAGE = new RegExp(String.raw`(export const \w+ = wrapAsyncCb\()${FETCHED}`, "g");

/** The loader's side of it. */
const RUNTIME = `
const carried = {};
const makeCarried = (name) => makeLoad(() => (imports) => WebAssembly.instantiate(carried[name], imports), []);
function makeLoadWith(names, url, files, chunks) {
    return makeLoad(() => {
        const begun = files.map((load) => load());
        const compiled = WebAssembly.compileStreaming(fetch(url));
        return async (imports) => {
            const [module] = await Promise.all([compiled, ...begun]);
            for (const name of names) carried[name] ??= WebAssembly.Module.customSections(module, name)[0];
            await Promise.all(chunks.map((load) => load()));
            return WebAssembly.instantiate(module, imports);
        };
    }, []);
}
`;

/** An unsigned number as WASM writes it: seven bits a byte, the lowest first. */
function leb(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
  return Buffer.from([...bytes, number]);
}

function customSection(name, content) {
  const body = Buffer.concat([leb(Buffer.byteLength(name)), Buffer.from(name), content]);
  return Buffer.concat([leb(0), leb(body.length), body]);
}

/**
 * Packs what cargo-leptos has left in a folder: the loader, the list of each page's files, and the files.
 * Nothing where there is no such list.
 */
export function packChunks(pkg) {
  const find = (kind) => readdirSync(pkg).find((name) => kind.test(name));
  const [list, script] = [find(/^__wasm_split_manifest\..*json$/), find(/^__wasm_split\..*\.js$/)];
  if (!list || !script) return;
  const manifest = JSON.parse(readFileSync(path.join(pkg, list), "utf8"));
  const loader = readFileSync(path.join(pkg, script), "utf8");
  if (loader.includes("customSections")) return; // It has been here.

  /** The small chunks: their bytes by the loader's name for them, and the loader's name by that of the file. */
  const [small, names] = [new Map(), new Map()];
  let packed = loader.replace(CHUNK, (whole, name, file, needed) => {
    if (needed) throw new Error(`${name} needs other chunks, which is not known here`);
    const bytes = readFileSync(path.join(pkg, `${file}.wasm`));
    if (bytes.length > SMALL_MAX_BYTES) return whole;
    small.set(name, bytes);
    names.set(file, name);
    return `const ${name} = makeCarried("${name}")`;
  });
  packed = packed.replace(PAGE, (_, before, file, needed) => {
    const all = needed.split(/,\s*/).filter(Boolean);
    const chunks = all.filter((name) => small.has(name));
    const page = path.join(pkg, `${file}.wasm`);
    const sections = chunks.map((name) => customSection(name, small.get(name)));
    writeFileSync(page, Buffer.concat([readFileSync(page), ...sections]));
    const files = all.filter((name) => !small.has(name));
    return `${before}makeLoadWith(${JSON.stringify(chunks)}, new URL("./${file}.wasm", import.meta.url), [${files}], [${chunks}])`;
  });
  const [pages, found] = [Object.keys(manifest).length, packed.split("makeLoadWith(").length - 1];
  // A loader that is written otherwise would leave pages without their code.
  if (pages !== found) throw new Error(`${script} loads ${found} of ${pages} pages in the way that is known here`);

  // Imports come first, so the loader's own functions can stand right before what uses them.
  const at = packed.indexOf("let sharedImports");
  writeFileSync(path.join(pkg, script), packed.slice(0, at) + RUNTIME.trimStart() + packed.slice(at));
  for (const [route, files] of Object.entries(manifest)) manifest[route] = files.filter((file) => !names.has(file));
  writeFileSync(path.join(pkg, list), JSON.stringify(manifest));
  for (const file of names.keys()) rmSync(path.join(pkg, `${file}.wasm`));
}
