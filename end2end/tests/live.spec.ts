import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures";
import { hydrated, installClock, show, Student } from "../support/student";

// What the worker lets through to the network is told twice, and cannot be held up.
test.use({ serviceWorkers: "block" });

const EVENTS = "**/api/events";

/** Uploads in another tab of the same student. */
async function uploadElsewhere(student: Student, name: string): Promise<void> {
  const tab = await student.context.newPage();
  await new Student(tab, student.email).upload(name, ["A harbour lies behind a mole."]);
  await tab.close();
}

/** Waits for what a page hears of the server, from its next load on. */
function listen(page: Page): (name: string) => Promise<unknown> {
  const ready = page.addInitScript(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    document.addEventListener("studyin:live", (event) => heard.push((event as CustomEvent<{ name: string }>).detail.name));
  });
  return async (name) => {
    await ready;
    await page.waitForFunction((name) => (window as unknown as { heard: string[] }).heard.includes(name), name);
  };
}

for (const [path, shown] of [
  ["/", (page: Page) => page.getByRole("link", { name: "Harbour" })],
  ["/analytics", (page: Page) => page.getByTestId("stat-materials").locator("dd").filter({ hasText: "2" })],
] as const) {
  test(`what happens before ${path} is connected is not missed`, async ({ student }) => {
    const { page } = student;
    await student.upload();
    let connect = (): void => undefined;
    const held = new Promise<void>((resolve) => (connect = resolve));
    await page.route(EVENTS, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(path);
    await hydrated(page);
    await uploadElsewhere(student, "Harbour.pdf");
    await expect(shown(page)).toBeHidden();
    connect();
    await expect(shown(page)).toBeVisible();
  });

  test(`${path} asks for nothing again when nothing has happened before it is connected`, async ({ student }) => {
    const { page } = student;
    await student.upload();
    let calls: string[] = [];
    page.on("request", (request) => request.url().includes("/api/fn/") && calls.push(request.url()));
    // A day may begin with any quarter of an hour, so the figures are read again after one.
    await expect(async () => {
      calls = [];
      const heard = listen(page);
      await page.goto(path);
      await hydrated(page);
      await heard("hello");
      await show(page, "hidden");
      await show(page, "visible");
      await heard("resync");
      await page.waitForLoadState("networkidle");
      expect(calls).toEqual([]);
    }).toPass({ timeout: 30_000 });
  });
}

for (const [what, call] of [
  ["a new title", (id: string) => ["rename_material", { id, title: "Beacon" }]],
  ["another time zone", () => ["set_time_zone", { time_zone: "Pacific/Auckland" }]],
] as const) {
  test(`the figures hear of ${what}`, async ({ student }) => {
    const { page } = student;
    const row = await student.upload();
    const address = (await row.getByRole("link").first().getAttribute("href")) ?? "";
    const heard = listen(page);
    await page.goto("/analytics");
    await hydrated(page);
    await heard("hello");
    const [name, form] = call(address.split("/").pop() ?? "");
    const renewed = page.waitForResponse((answer) => answer.url().endsWith("/api/fn/analytics"));
    await page.evaluate(([name, form]) => fetch(`/api/fn/${name}`, { method: "POST", body: new URLSearchParams(form) }), [name, form] as const);
    await renewed;
  });
}

test("a tab in the background is not connected, and up to date when it is turned to", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await page.goto("/");
  await hydrated(page);
  const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/api/events"));
  await show(page, "hidden");
  await ended;
  await uploadElsewhere(student, "Harbour.pdf");
  await expect(page.getByRole("link", { name: "Harbour" })).toBeHidden();
  await show(page, "visible");
  await expect(page.getByRole("link", { name: "Harbour" })).toBeVisible();
});

test.describe("a page that was opened in the background", () => {
  test.use({ expectedErrors: [/status of 404/] });

  test("is up to date when it is turned to", async ({ student }) => {
    const { page } = student;
    const row = await student.upload();
    const address = (await row.getByRole("link").first().getAttribute("href")) ?? "";
    const opened = async (path: string): Promise<Page> => {
      const tab = await student.context.newPage();
      await tab.addInitScript(() => Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true }));
      await tab.goto(path);
      await hydrated(tab);
      return tab;
    };
    const [library, reader] = [await opened("/library"), await opened(address)];
    await uploadElsewhere(student, "Harbour.pdf");
    const form = { id: address.split("/").pop() ?? "" };
    await page.evaluate((form) => fetch("/api/fn/delete_material", { method: "POST", body: new URLSearchParams(form) }), form);
    await show(library, "visible");
    await expect(library.getByTestId("material-row")).toHaveText([/Harbour/]);
    await show(reader, "visible");
    await expect(reader.getByRole("link", { name: "Back to the library" })).toBeVisible();
  });
});

test.describe("when a proxy refuses the connection", () => {
  test.use({ expectedErrors: [/status of 502/] });

  test("it is tried again", async ({ student }) => {
    const { page } = student;
    await student.upload();
    let refusals = 1;
    await page.route(EVENTS, (route) => (refusals-- > 0 ? route.fulfill({ status: 502 }) : route.continue()));
    await installClock(page);
    await page.goto("/");
    await hydrated(page);
    const connected = page.waitForResponse((answer) => answer.url().endsWith("/api/events") && answer.ok());
    await page.clock.runFor(6_000);
    await connected;
    await uploadElsewhere(student, "Harbour.pdf");
    await expect(page.getByRole("link", { name: "Harbour" })).toBeVisible();
  });
});

test("who stands on a link of her desk still stands on it when the desk is renewed", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await page.goto("/");
  await hydrated(page);
  const link = page.getByRole("link", { name: "Lighthouse" });
  await link.focus();
  await uploadElsewhere(student, "Harbour.pdf");
  await expect(page.getByRole("link", { name: "Harbour" })).toBeVisible();
  await expect(link).toBeFocused();
});

test("achievements of one moment are all announced, also to who reads", async ({ student }) => {
  const { page } = student;
  const row = await student.upload();
  const address = (await row.getByRole("link").first().getAttribute("href")) ?? "";
  const told = (name: string): string => `event: achievement\ndata: ${JSON.stringify({ id: "made up", name })}\n\n`;
  await page.route(EVENTS, (route) =>
    route.fulfill({ contentType: "text/event-stream", body: `retry: 600000\n${told("Level 5")}${told("Seven days")}` }),
  );
  await page.goto(address);
  await hydrated(page);
  const place = page.getByRole("status").filter({ hasText: "Achievement unlocked" });
  await expect(place).toContainText("Achievement unlocked: Level 5");
  await expect(place).toContainText("Achievement unlocked: Seven days");
});
