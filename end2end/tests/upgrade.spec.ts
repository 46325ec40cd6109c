import { expect, type Page, test } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PROGRAM, Server, SITE } from "../support/server";
import { hydrated, Student } from "../support/student";

const FINISH = join(dirname(fileURLToPath(import.meta.url)), "../../scripts/finish-site.mjs");
/** What one page says, and says in the next build; no longer and no shorter, as it stands in WASM. */
const [SAYING, NEXT_SAYING] = ["Choose a whole folder", "Choose a whole FOLDER"];

interface Build {
  program: string;
  site: string;
}

/** The build that is tested with one string changed, its files called as that build would call them. */
async function nextBuild(folder: string): Promise<Build> {
  const [site, program, hashes] = [join(folder, "site"), join(folder, "server"), join(folder, "hash.txt")];
  await cp(SITE, site, { recursive: true, filter: (name) => !/\.(br|gz)$/.test(name) });
  await copyFile(PROGRAM, program);
  // A server looks beside itself for the names.
  await copyFile(join(dirname(PROGRAM), "hash.txt"), hashes);
  const pkg = join(site, "pkg");
  let changed = 0;
  for (const name of await readdir(pkg)) {
    const before = await readFile(join(pkg, name), "latin1");
    const after = before.replaceAll(SAYING, NEXT_SAYING);
    if (after !== before) changed += 1;
    await writeFile(join(pkg, name), after, "latin1");
  }
  expect(changed, `files that say "${SAYING}"`).toBe(1);
  execFileSync(process.execPath, [FINISH, site, hashes]);
  return { program, site };
}

const scriptsOf = async (site: string): Promise<string[]> =>
  (await readdir(join(site, "pkg"))).filter((name) => /\.(js|wasm)$/.test(name) && !name.startsWith("echarts."));

const PAGES = { Library: "/library", Coach: "/coach", Analytics: "/analytics", Settings: "/settings", Home: "/" };

/** Every page by its link, without loading another document. */
async function clickThrough(page: Page): Promise<void> {
  for (const path of Object.values(PAGES)) {
    await page.locator(`a[href="${path}"]:visible`).first().click();
    await expect(page).toHaveURL((url) => url.pathname === path);
    await expect(page.locator("main h1, main h2").first()).toBeVisible();
    if (path === "/library") await expect(page.getByText(/Choose a whole folder/i)).toBeVisible();
    if (path === "/analytics") await expect(page.getByText("Show as table").first()).toBeVisible();
  }
}

/** Every page by its address. */
async function openEach(page: Page): Promise<void> {
  for (const path of Object.values(PAGES)) {
    await page.goto(path);
    await hydrated(page);
    await page.waitForLoadState("networkidle");
  }
}

test("a student who comes back after an upgrade, with everything of the old build kept, gets the new one whole", async ({
  browser,
}) => {
  test.setTimeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), "studyin-upgrade-"));
  const next = await nextBuild(folder);
  const [old, fresh] = [await scriptsOf(SITE), await scriptsOf(next.site)];
  expect(fresh.filter((name) => old.includes(name))).toEqual([]);

  const server = await Server.start();
  const context = await browser.newContext({ baseURL: server.url });
  const problems: string[] = [];
  context.on("console", (message) => message.type() === "error" && problems.push(`${message.text()} (${message.location().url})`));
  context.on("weberror", (error) => problems.push(String(error.error())));
  try {
    // Everything of the old build is kept, by the browser and by the worker.
    const student = await new Student(await context.newPage()).signUp();
    await student.upload();
    const { page } = student;
    await page.waitForFunction(() => document.documentElement.dataset.offlineReady === "true");
    await openEach(page);
    await page.goto("/");
    await hydrated(page);
    await clickThrough(page);
    expect(problems, "before the upgrade").toEqual([]);

    // The upgrade, and the same tab again. That its stream of events breaks meanwhile is no fault.
    await page.goto("about:blank");
    await server.upgrade({ program: next.program, settings: { SITE_ROOT: next.site } });
    const files: string[] = [];
    context.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/pkg/")) files.push(pathname.slice("/pkg/".length));
    });
    for (const visit of ["the first visit", "the second visit"]) {
      await page.goto("/");
      await hydrated(page);
      await page.locator('a[href="/library"]:visible').first().click();
      await expect(page.getByText(NEXT_SAYING, { exact: true }).first(), visit).toBeVisible();
      await clickThrough(page);
      await openEach(page);
      expect(problems, visit).toEqual([]);
    }
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((name) => old.includes(name))).toEqual([]);

    // The new worker takes over once no page of the old one is open, and drops the old files.
    const kept = () =>
      page.evaluate(async () => {
        const names = (await caches.keys()).filter((name) => name.startsWith("shell-"));
        const lists = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
        return lists.flat().map(({ url }) => new URL(url).pathname.slice("/pkg/".length));
      });
    await expect(async () => {
      await page.goto("/");
      await hydrated(page);
      const names = await kept();
      // Browsers look for a new worker by themselves, but only after some seconds of quiet.
      await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
      // Between two tries none is open.
      await page.goto("about:blank");
      expect(names.filter((name) => old.includes(name))).toEqual([]);
      expect(names.filter((name) => fresh.includes(name)).length).toBeGreaterThan(0);
    }).toPass({ timeout: 60_000 });
    await page.goto("/");
    await hydrated(page);
    await clickThrough(page);
    expect(problems, "with the new worker").toEqual([]);
  } finally {
    await context.close();
    await server.stop();
    await rm(folder, { recursive: true });
  }
});

test("a page that was open during an upgrade leads on to the new build", async ({ browser }) => {
  test.setTimeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), "studyin-upgrade-"));
  const next = await nextBuild(folder);
  const fresh = await scriptsOf(next.site);
  const server = await Server.start();
  const context = await browser.newContext({ baseURL: server.url });
  try {
    const { page } = await new Student(await context.newPage()).signUp();
    await hydrated(page);
    await server.upgrade({ program: next.program, settings: { SITE_ROOT: next.site } });
    // The files of the library's page were not asked for before, and are gone now.
    const link = page.locator('a[href="/library"]:visible').first();
    await link.hover();
    await expect(link).toHaveAttribute("rel", "external");
    await link.click();
    await expect(page.getByRole("heading", { name: "Library", level: 1 })).toBeVisible();
    await hydrated(page);
    const scripts = await page.evaluate(() =>
      performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname.slice("/pkg/".length)),
    );
    expect(scripts.filter((name) => fresh.includes(name)).length).toBeGreaterThan(0);
  } finally {
    await context.close();
    await server.stop();
    await rm(folder, { recursive: true });
  }
});
