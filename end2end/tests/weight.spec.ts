import type { Page } from "@playwright/test";
import { request as httpRequest } from "node:http";
import { expect, test } from "../support/fixtures";
import { hydrated } from "../support/student";

/** Most bytes of JavaScript and WebAssembly a first visit of the home page may cost, as Brotli. */
const FIRST_VISIT_MAX_BYTES = 125_000;
/** The same unpacked: what the browser has to compile. */
const FIRST_VISIT_MAX_RAW_BYTES = 410_000;
/** Smaller files have no compressed copy. */
const COMPRESSED_FROM_BYTES = 256;

interface Answer {
  bytes: number;
  encoding: string | undefined;
  cache: string | undefined;
}

/** Fetches an address as a browser would, without unpacking it. */
function transfer(url: string, encoding = "br, gzip"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers: { "accept-encoding": encoding } }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.on("end", () =>
        resolve({
          bytes,
          encoding: response.headers["content-encoding"],
          cache: response.headers["cache-control"],
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

function collectRequests(page: Page): string[] {
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  return urls;
}

const isCode = (url: string): boolean => /\.(js|wasm)$/.test(new URL(url).pathname);

for (const path of ["/", "/library"]) {
  test(`what a first visit of ${path} loads is compressed and cached for good`, async ({ student }) => {
    const { page } = student;
    const urls = collectRequests(page);
    await page.goto(path);
    await hydrated(page);
    await page.waitForLoadState("networkidle");

    let total = 0;
    let raw = 0;
    const lines: string[] = [];
    for (const url of new Set(urls.filter(isCode))) {
      const answer = await transfer(url);
      total += answer.bytes;
      raw += (await transfer(url, "identity")).bytes;
      lines.push(`${answer.bytes} ${new URL(url).pathname}`);
      if (answer.bytes > COMPRESSED_FROM_BYTES) expect.soft(answer.encoding, url).toBe("br");
      const isBuilt = new URL(url).pathname.startsWith("/pkg/");
      expect.soft(answer.cache, url).toMatch(isBuilt ? /immutable/ : /no-cache/);
    }
    console.log(`first visit of ${path}: ${total} bytes of JavaScript and WebAssembly (Brotli), ${raw} unpacked`);
    if (path !== "/") return;
    expect(total, lines.join("\n")).toBeLessThanOrEqual(FIRST_VISIT_MAX_BYTES);
    expect(raw, lines.join("\n")).toBeLessThanOrEqual(FIRST_VISIT_MAX_RAW_BYTES);
  });
}

test("the chart library is asked for on the analytics page only", async ({ student }) => {
  const { page } = student;
  await student.upload();
  const urls = collectRequests(page);
  for (const path of ["/", "/library", "/coach", "/settings"]) {
    await page.goto(path);
    await hydrated(page);
    await page.waitForLoadState("networkidle");
  }
  expect(urls.filter((url) => /echarts|vendor/.test(url))).toEqual([]);

  await page.goto("/analytics");
  await expect(page.getByTestId("calendar-chart").locator("canvas, svg").first()).toBeVisible();
  expect(urls.filter((url) => /echarts/.test(url))).toHaveLength(1);
});

test("visitors are sent no script at all", async ({ page }) => {
  const urls = collectRequests(page);
  for (const path of ["/", "/login", "/signup"]) {
    await page.goto(path);
    await page.waitForLoadState("networkidle");
  }
  expect(urls.filter(isCode)).toEqual([]);
});

test("a returning visitor's full cache works", async ({ student }) => {
  const { page } = student;
  for (const path of ["/", "/library", "/analytics"]) {
    await page.goto(path);
    await hydrated(page);
    await page.reload();
    await hydrated(page);
  }
});

test("an idle page asks for nothing", async ({ student }) => {
  const { page } = student;
  await page.goto("/");
  await hydrated(page);
  await page.waitForLoadState("networkidle");
  const urls = collectRequests(page);
  // The time itself is what is tested here: ten seconds in which nothing may happen.
  await page.waitForTimeout(10_000);
  expect(urls).toEqual([]);
});

test("a page's files are fetched when its link is pointed at, and only then", async ({ student }) => {
  const { page } = student;
  await page.goto("/");
  await hydrated(page);
  await page.waitForLoadState("networkidle");
  const urls = collectRequests(page);
  await page.getByRole("navigation", { name: "Studyin" }).getByRole("link", { name: "Analytics" }).focus();
  await expect.poll(() => urls.filter((url) => /analytics_route|echarts/.test(url)).length).toBe(2);
  await page.waitForLoadState("networkidle");

  await page.getByRole("navigation", { name: "Studyin" }).getByRole("link", { name: "Analytics" }).click();
  await expect(page).toHaveURL(/\/analytics/);
  await expect(page.getByRole("heading", { name: "Analytics", level: 1 })).toBeVisible();
  // From the cache: each is asked for again, but not of the server.
  const sizes = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter(({ name }) => /analytics_route_view.*\.wasm/.test(name))
      .map((entry) => (entry as PerformanceResourceTiming).transferSize),
  );
  expect(sizes.slice(1).every((size) => size === 0), String(sizes)).toBe(true);
});
