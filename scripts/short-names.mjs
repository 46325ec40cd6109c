// Gives what the main WASM imports from its script short names.
//
// wasm-bindgen calls each of some three hundred imports by its module, its JavaScript name and 16
// hexadecimal digits that no compression shrinks, once in the WASM and once in the script. No other file
// knows these names.

const IMPORTS_SECTION = 2;
const GLUE = "./app_bg.js";

/** The two files with short names: `{ wasm, script }`. */
export function shortened(wasm, script) {
  const sections = [wasm.subarray(0, 8)];
  const short = new Map();
  for (let at = 8; at < wasm.length; ) {
    const [size, start] = number(wasm, at + 1);
    const section = wasm.subarray(at, start + size);
    sections.push(wasm[at] === IMPORTS_SECTION ? withShortNames(wasm.subarray(start, start + size), short) : section);
    at = start + size;
  }
  // As whole words: one name may begin with another.
  const text = script.replace(/[\w$]+/g, (word) => short.get(word) ?? word).replaceAll(GLUE, "w");
  return { wasm: Buffer.concat(sections), script: text };
}

function withShortNames(section, short) {
  let [count, at] = number(section, 0);
  const parts = [encoded(count)];
  for (; count > 0; count -= 1) {
    const [module, afterModule] = text(section, at);
    const [name, afterName] = text(section, afterModule);
    const end = afterDescription(section, afterName);
    if (module === GLUE) {
      // `$` begins no name of the script's own, which is minified before.
      if (!short.has(name)) short.set(name, `$${short.size.toString(36)}`);
      parts.push(named("w"), named(short.get(name)), section.subarray(afterName, end));
    } else {
      parts.push(section.subarray(at, end));
    }
    at = end;
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(IMPORTS_SECTION), encoded(body.length), body]);
}

/** Where the description of an import ends: a function, table, memory, global or tag. */
function afterDescription(bytes, at) {
  const limits = (from) => {
    const [flags, least] = number(bytes, from);
    const [, after] = number(bytes, least);
    return flags & 1 ? number(bytes, after)[1] : after;
  };
  switch (bytes[at]) {
    case 0:
      return number(bytes, at + 1)[1];
    case 1:
      return limits(at + 2);
    case 2:
      return limits(at + 1);
    case 3:
      return at + 3;
    case 4:
      return number(bytes, at + 2)[1];
    default:
      throw new Error(`an import of kind ${bytes[at]}`);
  }
}

function text(bytes, at) {
  const [length, start] = number(bytes, at);
  return [bytes.toString("utf8", start, start + length), start + length];
}

function named(name) {
  return Buffer.concat([encoded(name.length), Buffer.from(name, "latin1")]);
}

/** A number of WASM's format (unsigned LEB128) and where it ends. */
function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at];
    at += 1;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value >>> 0, at];
  }
}

function encoded(value) {
  const bytes = [];
  do {
    const low = value & 127;
    value >>>= 7;
    bytes.push(value ? low | 128 : low);
  } while (value);
  return Buffer.from(bytes);
}
