import { expect, test } from "@playwright/test";
import { Server } from "../support/server";
import { hydrated, Student } from "../support/student";

test("page files come from another origin when the settings say so, and the page works as ever", async ({ browser }) => {
  test.setTimeout(120_000);
  // Any server of the same build can hand its files on.
  const elsewhere = await Server.start();
  const server = await Server.start({ ASSET_BASE_URL: elsewhere.url });
  const context = await browser.newContext({ baseURL: server.url });
  const problems: string[] = [];
  const built: string[] = [];
  context.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  context.on("weberror", (error) => problems.push(String(error.error())));
  context.on("request", (request) => request.url().includes("/pkg/") && built.push(request.url()));
  try {
    const student = await new Student(await context.newPage()).signUp();
    const { page } = student;
    const answer = await page.goto("/");
    expect(answer?.headers()["link"]).toContain(`<${elsewhere.url}>; rel=preconnect`);
    expect(answer?.headers()["content-security-policy"]).toContain(elsewhere.url);
    await hydrated(page);
    await page.getByRole("navigation", { name: "Studyin" }).getByRole("link", { name: "Library" }).click();
    await expect(page.getByRole("heading", { name: "Library", level: 1 })).toBeVisible();

    // The service worker holds the shell from there, and shows it without a connection.
    await page.waitForFunction(() => document.documentElement.dataset.offlineReady === "true");
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    const kept = await page.evaluate(async () => {
      const [name = ""] = await caches.keys();
      return (await (await caches.open(name)).keys()).map((request) => request.url);
    });
    expect(kept.filter((url) => url.startsWith(`${elsewhere.url}/pkg/app.`)).length).toBeGreaterThanOrEqual(3);
    expect(problems).toEqual([]);
    expect(built.length).toBeGreaterThan(3);
    expect(built.filter((url) => !url.startsWith(`${elsewhere.url}/pkg/`))).toEqual([]);

    await context.setOffline(true);
    await page.goto("/");
    await expect(page.getByRole("heading", { name: "You are offline" })).toBeVisible();
    const font = await page.evaluate(() => getComputedStyle(document.body).fontFamily);
    expect(font, "the style sheet is there").toContain("system-ui");
  } finally {
    await context.close();
    await server.stop();
    await elsewhere.stop();
  }
});
