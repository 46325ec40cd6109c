import type { Page, Request } from "@playwright/test";
import { expect, testAsOwner as test } from "../support/fixtures";
import { hydrated } from "../support/student";

const isFigures = (request: Request): boolean => new URL(request.url()).pathname === "/api/vitals";

function collectFigures(page: Page): Request[] {
  const sent: Request[] = [];
  page.on("request", (request) => {
    if (isFigures(request)) sent.push(request);
  });
  return sent;
}

/** Tells the page that it is being left, while it is still there to be watched. */
const leave = (page: Page): Promise<boolean> => page.evaluate(() => dispatchEvent(new Event("pagehide")));

test("a page that is left tells how fast it was, once, by its kind and not its address", async ({ student }) => {
  const { page } = student;
  const row = await student.upload();
  const material = await row.getByRole("link").first().getAttribute("href");
  await page.goto(material ?? "");
  await hydrated(page);
  // Something to react to.
  await page.locator("main").click({ position: { x: 5, y: 5 } });

  const sent = collectFigures(page);
  const answered = page.waitForResponse((response) => isFigures(response.request()));
  await leave(page);
  expect((await answered).status()).toBe(204);
  await leave(page);
  expect(sent).toHaveLength(1);
  const figures = JSON.parse(sent[0]?.postData() ?? "{}") as Record<string, unknown>;
  expect(figures).toMatchObject({ route: "/library/:id" });
  for (const name of ["lcp", "cls", "ttfb"]) expect(figures[name], name).toEqual(expect.any(Number));
  expect(figures.lcp).toBeGreaterThan(0);
});

test("the owner sees how fast the pages were that students left", async ({ student }) => {
  const { page } = student;
  for (const path of ["/", "/library", "/admin/performance"]) {
    await page.goto(path);
    await hydrated(page);
    await painted(page);
  }
  const rows = page.getByRole("region", { name: "Figures of the pages" }).getByRole("row");
  // The last page may have been drawn before the one before it was counted.
  await expect(async () => {
    await page.reload();
    await expect(rows.filter({ hasText: "/library" }).filter({ hasText: "LCP" })).toContainText(/\d+ ms/);
  }).toPass();
  await expect(rows.filter({ hasText: "CLS" }).first()).toContainText(/0\.\d{3}/);
  // How fast it was depends on the machine; what is good and poor does not.
  const cells = await rows.filter({ hasText: "TTFB" }).first().getByRole("cell").allTextContents();
  const p75 = Number.parseInt(cells[3] ?? "", 10);
  expect(cells.at(-1)).toBe(p75 <= 800 ? "good" : p75 <= 1800 ? "needs work" : "poor");
});

/** A page that is left before its first paint has none to tell of. */
function painted(page: Page): Promise<void> {
  return page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        new PerformanceObserver(() => resolve()).observe({ type: "largest-contentful-paint", buffered: true });
      }),
  );
}

/** What was sent, by the page it is about. */
const sentBy = (sent: Request[]): Record<string, unknown>[] =>
  sent.map((request) => JSON.parse(request.postData() ?? "{}") as Record<string, unknown>);

test("a page in use sends nothing until it is left, be it for the next one", async ({ student }) => {
  const { page } = student;
  await page.goto("/library");
  await hydrated(page);
  const sent = collectFigures(page);
  await page.locator("main").click({ position: { x: 5, y: 5 } });
  expect(sent).toEqual([]);
  for (const path of ["/coach", "/settings", "/library"]) {
    await page.locator(`a[href="${path}"]:visible`).first().click();
    await expect(page).toHaveURL((url) => url.pathname === path);
  }
  await expect.poll(() => sentBy(sent).map(({ route }) => route)).toEqual(["/library", "/coach", "/settings"]);
  const [loaded, ...shown] = sentBy(sent);
  for (const name of ["lcp", "cls", "ttfb"]) expect(loaded?.[name], name).toEqual(expect.any(Number));
  // Pages that were not loaded have no first byte and no first paint, and shifts of their own.
  for (const figures of shown) {
    expect(figures).toEqual(expect.objectContaining({ cls: expect.any(Number) }));
    expect(figures.lcp ?? figures.ttfb ?? null).toBeNull();
  }
  await leave(page);
  await expect.poll(() => sent.length).toBe(4);
});

test("a browser that cannot see shifts sends none, which is not the same as 0", async ({ student }) => {
  const { page } = student;
  await page.addInitScript(() => {
    const types = PerformanceObserver.supportedEntryTypes.filter((type) => type !== "layout-shift");
    Object.defineProperty(PerformanceObserver, "supportedEntryTypes", { value: types });
  });
  await page.goto("/library");
  await hydrated(page);
  const sent = collectFigures(page);
  await leave(page);
  await expect.poll(() => sent.length).toBe(1);
  const [figures] = sentBy(sent);
  expect(figures?.cls ?? null).toBeNull();
  expect(figures?.ttfb).toEqual(expect.any(Number));
});

test.describe("a page that is none", () => {
  test.use({ expectedErrors: [/no\/such\/page/] });

  test("is left without a word in the console", async ({ student }) => {
    const { page } = student;
    await page.goto("/no/such/page");
    await hydrated(page);
    const answered = page.waitForResponse((response) => isFigures(response.request()));
    await leave(page);
    expect((await answered).status()).toBe(204);
  });
});

test("a page of many quick answers still tells of its slow one", async ({ student }) => {
  const { page } = student;
  await page.goto("/library");
  await hydrated(page);
  await page.evaluate(() => {
    let keys = 0;
    addEventListener("keydown", () => {
      keys += 1;
      // The first holds the page up for longer than any other.
      for (const began = performance.now(); keys === 1 && performance.now() - began < 120; );
    });
  });
  for (let presses = 0; presses < 60; presses += 1) await page.keyboard.press("Shift");
  const sent = collectFigures(page);
  await expect(async () => {
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const count = await page.evaluate(() => (performance as Performance & { interactionCount?: number }).interactionCount);
    expect(count).toBeGreaterThan(50);
  }).toPass();
  await leave(page);
  const figures = JSON.parse(sent[0]?.postData() ?? "{}") as Record<string, unknown>;
  expect(figures.inp).toEqual(expect.any(Number));
});
