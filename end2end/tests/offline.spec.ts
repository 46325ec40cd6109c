import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures";
import { hydrated } from "../support/student";

// A browser without a connection says so in its console, for everything it tries in vain.
test.use({ expectedErrors: [/ERR_INTERNET_DISCONNECTED/] });

/** Waits until the service worker has this page and its shell. */
async function guarded(page: Page): Promise<void> {
  await page.waitForFunction(() => document.documentElement.dataset.offlineReady === "true");
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
}

/** Everything this browser keeps, the names of its caches with the addresses in them. */
function keptByBrowser(page: Page): Promise<{ caches: Record<string, string[]>; databases: string[]; storage: number }> {
  return page.evaluate(async () => {
    const found: Record<string, string[]> = {};
    for (const name of await caches.keys()) {
      const requests = await (await caches.open(name)).keys();
      found[name] = requests.map((request) => new URL(request.url).pathname);
    }
    const databases = (await indexedDB.databases()).map((database) => database.name ?? "");
    return { caches: found, databases, storage: localStorage.length };
  });
}

test("an offline reload shows the shell and what was kept", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  const row = await student.upload();
  await row.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/library\/[0-9a-f-]{36}/);
  await hydrated(page);
  await guarded(page);
  const keep = page.getByRole("switch", { name: "Keep offline" });
  await expect(keep).not.toBeChecked();
  await keep.click();
  await expect(keep).toBeChecked();

  await context.setOffline(true);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Lighthouse");
  await expect(page.getByText("lighthouse of Varnholm").first()).toBeVisible();

  await page.goto("/");
  await expect(page.getByRole("heading", { name: "You are offline" })).toBeVisible();
  await page.getByRole("link", { name: "Lighthouse" }).click();
  await expect(page.getByText("lighthouse of Varnholm").first()).toBeVisible();

  await context.setOffline(false);
  await page.goto("/");
  await hydrated(page);
  await expect(page.getByRole("heading", { name: "Your desk" })).toBeVisible();
});

test("nothing private is kept without being chosen", async ({ student }) => {
  const { page } = student;
  for (const path of ["/", "/library", "/coach", "/settings"]) {
    await page.goto(path);
    await hydrated(page);
    await guarded(page);
  }
  const { caches } = await keptByBrowser(page);
  expect(Object.keys(caches)).toEqual([expect.stringMatching(/^shell-/)]);
  const shell = ["/ahead.js", "/offline.html", "/offline.js", "/favicon.svg", "/icon.svg", "/site.webmanifest"];
  const others = Object.values(caches).flat().filter((path) => !path.startsWith("/pkg/") && !shell.includes(path));
  expect(others).toEqual([]);
});

test("a question asked offline is answered after reconnecting, and its conversation can be kept", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await student.upload();
  await page.goto("/coach");
  await hydrated(page);
  await guarded(page);

  await context.setOffline(true);
  await page.getByTestId("composer").fill("Who built the lighthouse of Varnholm?");
  await page.getByTestId("send").click();
  await expect(page.locator(".offline-note")).toContainText("kept on this device");
  await expect(page.getByTestId("composer")).toHaveValue("");

  await context.setOffline(false);
  await page.getByRole("link", { name: "Read the answer" }).click({ timeout: 60_000 });
  await expect(page.getByTestId("answer").locator(".citation").first()).toBeVisible();
  await hydrated(page);
  await guarded(page);

  await page.getByRole("switch", { name: "Keep offline" }).click();
  await expect(page.getByRole("switch", { name: "Keep offline" })).toBeChecked();
  await context.setOffline(true);
  await page.reload();
  await expect(page.getByText("Who built the lighthouse of Varnholm?").first()).toBeVisible();
  await expect(page.getByText("Your copy on this device")).toBeVisible();
  await context.setOffline(false);
});

test("logging out leaves nothing private in the browser", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  const row = await student.upload();
  await row.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/library\/[0-9a-f-]{36}/);
  await hydrated(page);
  await guarded(page);
  await page.getByRole("switch", { name: "Keep offline" }).click();
  await expect(page.getByRole("switch", { name: "Keep offline" })).toBeChecked();
  await page.goto("/coach");
  await hydrated(page);
  await guarded(page);
  await context.setOffline(true);
  await page.getByTestId("composer").fill("A question nobody else may read");
  await page.getByTestId("send").click();
  await expect(page.locator(".offline-note")).toContainText("kept on this device");
  // Back without a word to the page, so that the question still waits when she logs out.
  const before = await keptByBrowser(page);
  expect(Object.keys(before.caches).some((name) => name.startsWith("kept-"))).toBe(true);
  expect(before.databases).toContain("studyin");
  await context.setOffline(false);

  await student.logOut();
  await expect(async () => {
    const after = await keptByBrowser(page);
    expect(Object.keys(after.caches).filter((name) => !name.startsWith("shell-"))).toEqual([]);
    expect(after.databases).toEqual([]);
    expect(after.storage).toBe(0);
  }).toPass({ timeout: 15_000 });
});

test("the app can be installed", async ({ student }) => {
  const { page } = student;
  await page.goto("/");
  await hydrated(page);
  await guarded(page);
  const session = await student.context.newCDPSession(page);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  // A private window, which tests run in, is the one thing that may stand in the way.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((error) => error !== "in-incognito")).toEqual([]);
});
