import type { Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, test, testAsOwner } from "../support/fixtures";
import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { hydrated, installClock, type Student } from "../support/student";

/** Bytes as they are sent, and unpacked. */
interface Weight {
  brotli: number;
  raw: number;
}

interface Budgets {
  routes: Record<string, Weight>;
  /** What a page may add to the home page. */
  over_home: Record<string, Partial<Weight>>;
}

const BUDGETS = JSON.parse(
  readFileSync(fileURLToPath(new URL("../budgets.json", import.meta.url)), "utf8"),
) as Budgets;
/** Smaller files have no compressed copy. */
const COMPRESSED_FROM_BYTES = 256;
/** The pages of visitors, who are sent no script. */
const VISITORS_PAGES = ["/login", "/signup"];

interface Answer {
  bytes: number;
  encoding: string | undefined;
  cache: string | undefined;
}

/** Fetches an address as a browser would, without unpacking it. */
function transfer(url: string, encodings = "br, gzip"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers: { "accept-encoding": encodings } }, (response) => {
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

/** The service worker, and what it fetches beside the page; a page sees none of its requests. */
async function workersFiles(page: Page): Promise<string[]> {
  const worker = await page.evaluate(() => fetch("/sw.js").then((answer) => answer.text()));
  const shell = JSON.parse(/^const SHELL = (.*);$/m.exec(worker)?.[1] ?? "") as string[];
  return ["/sw.js", ...shell].map((path) => new URL(path, page.url()).href);
}

/** The JavaScript and WebAssembly a first visit of a page downloads. */
async function codeOf(page: Page, address: string): Promise<string[]> {
  const urls = collectRequests(page);
  await page.goto(address);
  await hydrated(page);
  await page.waitForLoadState("networkidle");
  const workers = VISITORS_PAGES.includes(address) ? [] : await workersFiles(page);
  return [...new Set([...urls, ...workers].filter(isCode))];
}

async function weigh(urls: string[]): Promise<Weight> {
  const weight = { brotli: 0, raw: 0 };
  for (const url of urls) {
    weight.brotli += (await transfer(url)).bytes;
    weight.raw += (await transfer(url, "identity")).bytes;
  }
  return weight;
}

/** The path of a document's page. */
async function documentOf(student: Student): Promise<string> {
  const row = await student.upload();
  return (await row.getByRole("link").first().getAttribute("href")) ?? "";
}

/** The path of a conversation about a document that is there. */
async function conversationOf(student: Student): Promise<string> {
  await student.page.goto("/coach");
  await student.ask(LIGHTHOUSE_QUESTION.text);
  await expect(student.page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  return new URL(student.page.url()).pathname;
}

/** An address of the route. */
async function addressOf(route: string, student: Student): Promise<string> {
  // Where there is nothing to draw, the chart library is not asked for.
  if (route === "/analytics") await student.upload();
  if (!route.includes(":")) return route;
  const document = await documentOf(student);
  return route.startsWith("/coach/") ? conversationOf(student) : document;
}

for (const [route, budget] of Object.entries(BUDGETS.routes)) {
  // Only an owner may see these, who is the first student of a server.
  const suited = route.startsWith("/admin/") ? testAsOwner : test;
  suited(`a first visit of ${route} stays within its budget`, async ({ page, another }) => {
    const isOpen = VISITORS_PAGES.includes(route);
    const student = isOpen ? undefined : await another();
    const address = student ? await addressOf(route, student) : route;
    const urls = await codeOf(student?.page ?? page, address);
    const weight = await weigh(urls);
    const over = BUDGETS.over_home[route];
    console.log(`first visit of ${route}: ${urls.length} files, ${weight.brotli} bytes as Brotli, ${weight.raw} raw`);
    expect.soft(weight.brotli, `Brotli bytes of ${route}`).toBeLessThanOrEqual(budget.brotli);
    expect.soft(weight.raw, `raw bytes of ${route}`).toBeLessThanOrEqual(budget.raw);
    if (student && over) {
      const home = await weigh(await codeOf(student.page, "/"));
      for (const [kind, most] of Object.entries(over) as [keyof Weight, number][]) {
        expect.soft(weight[kind] - home[kind], `what ${route} adds to /, ${kind}`).toBeLessThanOrEqual(most);
      }
    }
  });
}

for (const path of ["/", "/library"]) {
  test(`what a first visit of ${path} loads is compressed and cached`, async ({ student }) => {
    for (const url of await codeOf(student.page, path)) {
      const answer = await transfer(url);
      if (answer.bytes > COMPRESSED_FROM_BYTES) expect.soft(answer.encoding, url).toBe("br");
      // Names under /pkg carry a hash; the few others are asked for again.
      const kept = new URL(url).pathname.startsWith("/pkg/") ? /immutable/ : /max-age=3600|no-cache/;
      expect.soft(answer.cache, url).toMatch(kept);
    }
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

test.describe("two minutes after the last input", () => {
  // A request that the service worker leaves to the network is told twice.
  test.use({ serviceWorkers: "block" });

  test("no page asks for anything", async ({ student }) => {
    test.setTimeout(180_000);
    const { page } = student;
    const document = await documentOf(student);
    const conversation = await conversationOf(student);
    await installClock(page);
    for (const path of ["/", "/library", document, "/coach", conversation, "/analytics", "/settings"]) {
      await page.goto(path);
      await hydrated(page);
      await page.waitForLoadState("networkidle");
      await page.mouse.move(300, 300);
      await page.mouse.move(320, 320);
      await page.clock.runFor(120_000);
      // What is under way by now has ended when this has.
      const marked = () => page.evaluate(() => fetch("/health/live").then(({ ok }) => ok));
      await marked();
      const urls = collectRequests(page);
      await page.clock.runFor(60_000);
      await marked();
      expect.soft(urls.map((url) => new URL(url).pathname), path).toEqual(["/health/live"]);
    }
  });
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
