// Draws the app's icon as PNG, for systems that take no SVG.
//
// It reads no SVG in general, only ours: a square view box, one background, and paths of whole pixels.
// The mark keeps clear of the edges by a fifth, so a system may cut the icon to its own shape.

import { deflateSync } from "node:zlib";

/** A path of rectangles, or the page's outline with its cut corner. */
const STEPS = /([MhHvVlz])\s*(-?\d+)?(?:[ ,]?(-?\d+))?/g;

/** The icon as PNG, `size` pixels wide and high. */
export function png(svg, size) {
  const [left, top, width] = svg.match(/viewBox="(-?\d+) (-?\d+) (\d+) \d+"/).slice(1).map(Number);
  const colours = Object.fromEntries([...svg.matchAll(/\.(\w)\{fill:#(\w{6})\}/g)].map(([, name, hex]) => [name, hex]));
  const background = svg.match(/<path fill="#(\w{6})"/)[1];
  const grid = Array.from({ length: width }, () => Array(width).fill(background));
  for (const [, name, data] of svg.matchAll(/<path class="(\w)" d="([^"]+)"/g)) {
    for (const outline of outlines(data)) {
      for (let y = 0; y < width; y += 1) {
        for (let x = 0; x < width; x += 1) {
          if (isInside(outline, x + left + 0.5, y + top + 0.5)) grid[y][x] = colours[name];
        }
      }
    }
  }
  // Whole pixels only, so that every one of the mark's is as large as the next.
  const scale = Math.floor(size / width);
  const margin = Math.floor((size - scale * width) / 2);
  const rows = Buffer.alloc(size * (1 + size * 3));
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const colour = grid[Math.floor((y - margin) / scale)]?.[Math.floor((x - margin) / scale)] ?? background;
      rows.write(colour, y * (1 + size * 3) + 1 + x * 3, "hex");
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  // 8 bits a channel, red, green and blue.
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

/** The corners of each closed line of a path. */
function outlines(data) {
  const found = [];
  let corners = [];
  let [x, y] = [0, 0];
  for (const [, step, one, other] of data.matchAll(STEPS)) {
    const [a, b] = [Number(one), Number(other)];
    if (step === "M") corners = [];
    if (step === "z") {
      found.push(corners);
      continue;
    }
    [x, y] = { M: [a, b], h: [x + a, y], H: [a, y], v: [x, y + a], V: [x, a], l: [x + a, y + b] }[step];
    corners.push([x, y]);
  }
  return found;
}

function isInside(corners, x, y) {
  let inside = false;
  corners.forEach(([x1, y1], at) => {
    const [x2, y2] = corners[(at + 1) % corners.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
  });
  return inside;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(checksum(body), body.length + 4);
  return whole;
}

/** CRC-32, bit by bit: a few kilobytes need no table. */
function checksum(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
