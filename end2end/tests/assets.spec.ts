import { type Browser, type BrowserContext, expect, type Page, test } from "@playwright/test";
import { existsSync } from "node:fs";
import { appendFile, cp, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, SITE } from "../support/server";
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
    const policy = answer?.headers()["content-security-policy"] ?? "";
    expect(policy.split(elsewhere.url).slice(1).filter((rest) => !rest.startsWith("/pkg/"))).toEqual([]);
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

    // What names a style sheet without its checksum, as a copy does that outlives its build, gets the one at hand.
    const sheets = await page.evaluate(async (root) => {
      const [mine] = [...document.styleSheets].map(({ href }) => href ?? "");
      const texts = [mine ?? "", `${root}/pkg/app.of-another-build.css`].map((url) => fetch(url).then((sheet) => sheet.text()));
      return Promise.all(texts);
    }, elsewhere.url);
    expect(sheets[1]).toBe(sheets[0]);

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

interface Tampered {
  file: RegExp;
  /** What is put at its end. */
  added: string;
  page: string;
  /** What a student sees without it. */
  holds: (page: Page) => Promise<void>;
}

type State = Awaited<ReturnType<BrowserContext["storageState"]>>;

const SCRIPT = "\nglobalThis.tampered = true;";
/** A section without meaning: still a WASM that would run. */
const SECTION = "\0\x02\x01x";
const TAMPERED: Tampered[] = [
  { file: /^app\..*\.css$/, added: "\nbody { outline: 7px solid red; }", page: "/library", holds: unstyled },
  { file: /^app\..*\.js$/, added: SCRIPT, page: "/library", holds: asleep },
  { file: /^__wasm_split\..*\.js$/, added: SCRIPT, page: "/library", holds: asleep },
  { file: /^app\..*\.wasm$/, added: SECTION, page: "/library", holds: asleep },
  { file: /^split___library_route.*\.wasm$/, added: SECTION, page: "/library", holds: asleep },
  { file: /^echarts\..*\.js$/, added: SCRIPT, page: "/analytics", holds: withoutCharts },
];

async function unstyled(page: Page): Promise<void> {
  await expect(page.locator("body")).not.toHaveCSS("outline-width", "7px");
}

/** The page shows what the server rendered, and no script of it has run. */
async function asleep(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { name: "Library", level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(await page.evaluate(() => "tampered" in globalThis)).toBe(false);
  expect(await page.evaluate(() => document.documentElement.dataset.hydrated)).toBeUndefined();
}

/** The tables say what no chart shows. */
async function withoutCharts(page: Page): Promise<void> {
  await hydrated(page);
  await expect(page.getByTestId("calendar-chart")).toBeHidden();
  await expect(page.getByText("Show as table").first()).toBeVisible();
  expect(await page.evaluate(() => "tampered" in globalThis)).toBe(false);
}

/** What becomes of the service worker of a browser that has none yet. */
async function installed(browser: Browser, baseURL: string, storageState: State): Promise<string> {
  const context = await browser.newContext({ baseURL, storageState });
  const page = await context.newPage();
  await page.goto("/settings");
  const state = await page.evaluate(async () => {
    const assets = document.querySelector<HTMLMetaElement>("meta[name=assets]")?.content ?? "";
    const { installing } = await navigator.serviceWorker.register(`/sw.js?assets=${encodeURIComponent(assets)}`);
    if (!installing) return "not being installed";
    return new Promise<string>((resolve) => {
      installing.addEventListener("statechange", () => resolve(installing.state));
    });
  });
  await context.close();
  return state;
}

test("nothing runs of a file that another origin hands on changed", async ({ browser }) => {
  test.setTimeout(180_000);
  const folder = await mkdtemp(join(tmpdir(), "studyin-tampered-"));
  const site = join(folder, "site");
  await cp(SITE, site, { recursive: true });
  const pkg = join(site, "pkg");
  const elsewhere = await Server.start({ SITE_ROOT: site });
  const server = await Server.start({ ASSET_BASE_URL: elsewhere.url });
  const visitor = await browser.newContext({ baseURL: server.url });
  try {
    const student = await new Student(await visitor.newPage()).signUp();
    // There are charts once there is something to show.
    await student.upload();
    const storageState = await visitor.storageState();
    for (const tampered of TAMPERED) {
      const name = (await readdir(pkg)).find((name) => tampered.file.test(name)) ?? "";
      expect(name, String(tampered.file)).not.toBe("");
      const file = join(pkg, name);
      await cp(file, join(folder, "whole"));
      await appendFile(file, tampered.added, "latin1");
      // The compressed copies of the file would be sent in its place.
      for (const kind of [".br", ".gz"]) if (existsSync(file + kind)) await rename(file + kind, `${join(folder, "copy")}${kind}`);

      const context = await browser.newContext({ baseURL: server.url, storageState, serviceWorkers: "block" });
      const page = await context.newPage();
      const refusals: string[] = [];
      page.on("console", (message) => /integrity/i.test(message.text()) && refusals.push(message.text()));
      await page.goto(tampered.page);
      await tampered.holds(page);
      expect(refusals.length, `refusals of ${name}`).toBeGreaterThan(0);
      await context.close();
      if (/^app\./.test(name)) expect(await installed(browser, server.url, storageState), `a worker with ${name}`).toBe("redundant");

      await rename(join(folder, "whole"), file);
      for (const kind of [".br", ".gz"]) {
        const copy = `${join(folder, "copy")}${kind}`;
        if (existsSync(copy)) await rename(copy, file + kind);
      }
    }
  } finally {
    await visitor.close();
    await server.stop();
    await elsewhere.stop();
    await rm(folder, { recursive: true });
  }
});
