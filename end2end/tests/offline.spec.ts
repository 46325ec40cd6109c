import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { expect, test } from "../support/fixtures";
import { Proxy } from "../support/proxy";
import { hydrated, newEmail, Student } from "../support/student";

// A browser without a connection says so in its console, for everything it tries in vain; and that a
// document or a session is gone.
test.use({ expectedErrors: [/ERR_INTERNET_DISCONNECTED|status of (40[134]|502)/] });

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

/** Keeps a copy of a document of hers; answers its address. */
async function keepDocument(student: Student): Promise<string> {
  const { page } = student;
  const row = await student.upload();
  await row.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/library\/[0-9a-f-]{36}/);
  await hydrated(page);
  await guarded(page);
  const keep = page.getByRole("switch", { name: "Keep offline" });
  await keep.click();
  await expect(keep).toBeChecked();
  return new URL(page.url()).pathname;
}

const copies = async (page: Page): Promise<string[]> => {
  const { caches } = await keptByBrowser(page);
  return Object.entries(caches).flatMap(([name, paths]) => (name.startsWith("kept-") ? paths : []));
};

/** Asks on the offline page, which `page` shows. */
async function leave(page: Page, question: string): Promise<void> {
  const box = page.getByRole("textbox", { name: "Your question" });
  await box.fill(question);
  await page.getByRole("button", { name: "Keep the question" }).click();
  await expect(page.locator("#questions")).toContainText(question);
  await expect(box).toHaveValue("");
}

/** A page of a browser that has lost the connection. */
async function startOffline(context: BrowserContext): Promise<Page> {
  await context.setOffline(true);
  const page = await context.newPage();
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "You are offline" })).toBeVisible();
  return page;
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
  const shell = ["/ahead.js", "/offline.html", "/offline-page.js", "/offline.js", "/favicon.svg", "/icon.svg", "/site.webmanifest"];
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

test("who starts offline can ask, and what she asked goes to one conversation", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await student.upload();
  await guarded(page);
  await page.close();
  const offline = await startOffline(context);
  await leave(offline, "Who built the lighthouse of Varnholm?");
  await leave(offline, "What is this doing here?");
  await leave(offline, "How tall is the tower of the lighthouse?");
  // With the keyboard alone.
  await offline.getByRole("button", { name: "Remove the question: What is this doing here?" }).focus();
  await offline.keyboard.press("Enter");
  await expect(offline.locator("#questions li")).toHaveCount(2);
  await offline.reload();
  await expect(offline.locator("#questions li")).toHaveCount(2);

  await context.setOffline(false);
  await expect(offline.locator("#questions li")).toHaveCount(0, { timeout: 60_000 });
  await offline.getByRole("link", { name: "Read the answer" }).click();
  await hydrated(offline);
  await expect(offline.locator(".thread .question")).toHaveText([/Who built/, /How tall/]);
  await expect(offline.getByTestId("answer")).toHaveCount(2);
});

test("a question that cannot be kept stays in the box", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await page.goto("/coach");
  await hydrated(page);
  await guarded(page);
  const offline = await startOffline(context);
  for (let number = 1; number <= 20; number += 1) await leave(offline, `Question number ${number}.`);
  await offline.getByRole("textbox", { name: "Your question" }).fill("One too many");
  await offline.getByRole("button", { name: "Keep the question" }).click();
  await expect(offline.locator(".offline-note")).toContainText("No more questions can be kept");
  await expect(offline.getByRole("textbox", { name: "Your question" })).toHaveValue("One too many");

  await page.getByTestId("composer").fill("And one more");
  await page.getByTestId("send").click();
  await expect(page.locator(".offline-note")).toContainText("no more questions can be kept");
  await expect(page.getByTestId("composer")).toHaveValue("And one more");
});

test("a browser that takes itself for offline asks a server it can reach", async ({ student }) => {
  const { page } = student;
  await student.upload();
  // What a laptop without a network says, whose server is itself.
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, "onLine", { get: () => false }));
  await page.goto("/coach");
  await hydrated(page);
  await guarded(page);
  await student.ask("How tall is the tower and what stone is it made of?");
  await expect(page.locator(".offline-note")).toHaveCount(0);
});

test("a question whose line is cut before its answer begins is asked once", async ({ student }) => {
  const { page } = student;
  await student.upload();
  let cuts = 1;
  await page.routeWebSocket("**/api/chat/ws", (line) => {
    const server = line.connectToServer();
    server.onMessage((message) => {
      if (cuts === 0) return line.send(message);
      cuts -= 1;
      // The server has it; the page hears nothing of that.
      void line.close();
    });
  });
  await page.goto("/coach");
  await hydrated(page);
  const composer = page.getByTestId("composer");
  const question = "How tall is the tower and what stone is it made of?";
  await composer.fill(question);
  await page.getByTestId("send").click();
  await expect(composer).toHaveValue(question);
  await page.getByTestId("send").click();
  await expect(page.getByTestId("answer").locator(".citation").first()).toBeVisible({ timeout: 30_000 });
  await page.reload();
  await expect(page.locator(".thread .question")).toHaveCount(1);
  await expect(page.getByTestId("answer")).toHaveCount(1);
});

test("links lead to what is kept while the server is out of reach", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await keepDocument(student);
  await page.goto("/library");
  await hydrated(page);
  await guarded(page);
  await context.setOffline(true);
  // Nothing tells when the page has found out.
  await expect(async () => {
    await student.material("Lighthouse").getByRole("link").first().click();
    await expect(page.getByText("Your copy on this device")).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await page.getByRole("link", { name: "Studyin" }).click();
  await expect(page.getByRole("heading", { name: "You are offline" })).toBeVisible();
});

test("a click whose part of the page is gone opens the page anew", async ({ browser, baseURL }) => {
  // Without a worker, and with a server that has another build by now.
  const context = await browser.newContext({ baseURL, serviceWorkers: "block" });
  const { page } = await new Student(await context.newPage()).signUp();
  await hydrated(page);
  let isGone = true;
  await page.route("**/pkg/chunk_*.wasm", (route) => (isGone ? route.fulfill({ status: 404 }) : route.continue()));
  page.on("framenavigated", () => (isGone = false));
  page.on("request", (request) => request.isNavigationRequest() && (isGone = false));
  await page.getByRole("navigation", { name: "Studyin" }).getByRole("link", { name: "Settings" }).click();
  await hydrated(page);
  await expect(page).toHaveURL(/\/settings/);
  await expect(page.getByRole("heading", { name: "Settings", level: 1 })).toBeVisible();
  await context.close();
});

test("a copy goes with its document, and when it is removed", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  const address = await keepDocument(student);
  const offline = await startOffline(context);
  await offline.getByRole("button", { name: "Remove Lighthouse" }).click();
  await expect(offline.getByText("Nothing is kept here")).toBeVisible();
  expect(await copies(page)).toEqual([]);
  await context.setOffline(false);

  await page.reload();
  await hydrated(page);
  await guarded(page);
  await page.getByRole("switch", { name: "Keep offline" }).click();
  await expect.poll(() => copies(page)).toEqual([address]);
  await page.goto("/settings");
  await page.evaluate((id) => fetch(`/api/materials/${id}`, { method: "DELETE" }), address.split("/").pop());
  await page.goto(address);
  await expect.poll(() => copies(page)).toEqual([]);
});

test("two students of one browser see nothing of each other", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await keepDocument(student);
  const offline = await startOffline(context);
  await leave(offline, "A question nobody else may ask");
  await offline.close();
  await page.close();

  // Her session ends elsewhere: the next page is made for nobody.
  await context.clearCookies();
  await context.setOffline(false);
  const next = await context.newPage();
  await next.goto("/");
  await expect.poll(() => copies(next)).toEqual([]);
  const after = await startOffline(context);
  await expect(after.getByText("A question nobody else may ask")).toHaveCount(0);
  await expect(after.getByRole("textbox")).toHaveCount(0);
  await context.setOffline(false);
  await after.close();

  await new Student(next, newEmail()).signUp();
  await hydrated(next);
  await guarded(next);
  await next.goto("/coach");
  await hydrated(next);
  await guarded(next);
  await expect(next.getByText("A question nobody else may ask")).toHaveCount(0);
  const hers = await startOffline(context);
  await expect(hers.locator("#questions li")).toHaveCount(0);
  await expect(hers.getByRole("textbox")).toHaveCount(1);
});

test("a question waits for its student while her session has ended", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await student.upload();
  await guarded(page);
  const offline = await startOffline(context);
  await leave(offline, "Who built the lighthouse of Varnholm?");
  await context.clearCookies();
  await context.setOffline(false);
  await offline.getByRole("link", { name: "Sign in" }).click();
  await expect(offline).toHaveURL(/\/login/);
  await new Student(offline, student.email).logIn();
  await offline.getByRole("link", { name: "Read the answer" }).click({ timeout: 60_000 });
  await expect(offline.locator(".thread .question")).toHaveText([/Who built/]);
});

test("logging out in another tab leaves nothing, whatever the first one does", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await keepDocument(student);
  const other = new Student(await context.newPage(), student.email);
  await other.logOut();

  await page.bringToFront();
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  const keep = page.getByRole("switch", { name: "Keep offline" });
  await keep.click();
  await expect(keep).not.toBeChecked();
  await keep.click();
  await expect(page.locator(".offline-note")).toContainText("You are logged out");
  const { caches, databases } = await keptByBrowser(page);
  expect(Object.keys(caches).filter((name) => !name.startsWith("shell-"))).toEqual([]);
  expect(databases).toEqual([]);
});

test("logging out without the server is said, and done when it is back", async ({ student }) => {
  test.setTimeout(120_000);
  const { page, context } = student;
  await keepDocument(student);
  await page.goto("/settings");
  await hydrated(page);
  await guarded(page);
  await context.setOffline(true);
  await page.locator('form[action^="/logout"] button').first().click();
  await expect(page.getByText("You are logged out on this device")).toBeVisible();
  const { caches, databases } = await keptByBrowser(page);
  expect(Object.keys(caches).filter((name) => name.startsWith("kept-"))).toEqual([]);
  expect(databases).toEqual([]);

  await context.setOffline(false);
  await page.goto("/library");
  await expect(page).toHaveURL(/\/login/);
});

test("a copy made while its document was still being read is made whole", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;
  const address = await keepDocument(student);
  await page.evaluate(async (address) => {
    const name = (await caches.keys()).find((name) => name.startsWith("kept-")) ?? "";
    const half = new Response("<title>Half of it</title>", { headers: { "x-copy": "incomplete" } });
    await (await caches.open(name)).put(address, half);
  }, address);
  const kept = () => page.evaluate(async (path) => (await (await caches.match(path))?.text()) ?? "", address);
  await page.reload();
  await expect.poll(kept).toContain("lighthouse of Varnholm");
});

/** A new student, whose browser comes by a proxy. */
async function atProxy(browser: Browser, server: string, act: (student: Student, proxy: Proxy) => Promise<void>): Promise<void> {
  const proxy = await Proxy.before(server);
  const context = await browser.newContext({ baseURL: proxy.url });
  try {
    await act(await new Student(await context.newPage()).signUp(), proxy);
  } finally {
    await context.close();
    await proxy.stop();
  }
}

test("a proxy that cannot reach the server is no server: kept pages are shown, and a log-out is made up for", async ({ browser, server }) => {
  test.setTimeout(120_000);
  await atProxy(browser, server.url, async (student, proxy) => {
    const { page, context } = student;
    const address = await keepDocument(student);
    proxy.fault = 502;
    await page.goto(address);
    await expect(page.getByText("Your copy on this device")).toBeVisible();
    await page.goto("/");
    await expect(page.getByRole("heading", { name: "You are offline" })).toBeVisible();

    proxy.fault = undefined;
    await page.goto("/settings");
    await hydrated(page);
    await guarded(page);
    proxy.fault = 502;
    await page.locator('form[action^="/logout"] button').first().click();
    await expect(page.getByText("You are logged out on this device")).toBeVisible();
    expect(await copies(page)).toEqual([]);

    // Past the worker, as with a reload that is to bypass every cache.
    proxy.fault = undefined;
    const bypassing = await context.newCDPSession(page);
    await bypassing.send("Network.enable");
    await bypassing.send("Network.setBypassServiceWorker", { bypass: true });
    await page.goto("/library");
    await expect(page).toHaveURL(/\/login/);
  });
});

test("a kept copy is shown while the network only lets her wait, and stays when a proxy knows no server", async ({ browser, server }) => {
  test.setTimeout(120_000);
  await atProxy(browser, server.url, async (student, proxy) => {
    const { page } = student;
    const address = await keepDocument(student);
    for (const fault of ["silence", 404] as const) {
      proxy.fault = fault;
      await page.goto(address);
      await expect(page.getByText("Your copy on this device")).toBeVisible();
    }
    expect(await copies(page)).toEqual([address]);
  });
});

test("a question kept while the server was away is asked when it is back, whatever she does", async ({ browser, server }) => {
  test.setTimeout(120_000);
  await atProxy(browser, server.url, async (student, proxy) => {
    const { page } = student;
    await student.upload();
    await page.goto("/coach");
    await hydrated(page);
    await guarded(page);
    proxy.fault = 502;
    await page.getByTestId("composer").fill("Who built the lighthouse of Varnholm?");
    await page.getByTestId("send").click();
    await expect(page.locator(".offline-note")).toContainText("kept on this device");
    proxy.fault = undefined;
    await page.getByRole("link", { name: "Read the answer" }).click({ timeout: 60_000 });
    await expect(page.getByTestId("answer").locator(".citation").first()).toBeVisible();
  });
});

test.describe("another site", () => {
  test.use({ expectedErrors: [/status of 403|request to another site: http:\/\/localhost/] });

  test("cannot log her out by a form, nor take away what she keeps", async ({ student }) => {
    test.setTimeout(120_000);
    const { page } = student;
    const address = await keepDocument(student);
    const home = new URL(page.url()).origin;
    // Another name of this machine is another site.
    const form = `<form method="post" action="${home}/logout"></form><script>document.forms[0].submit()</script>`;
    const site = createServer((_, outgoing) => outgoing.writeHead(200, { "content-type": "text/html" }).end(form));
    await new Promise<void>((listening) => site.listen(0, "127.0.0.1", listening));
    const { port } = site.address() as AddressInfo;
    const refused = page.waitForResponse(`${home}/logout`);
    await page.goto(`http://localhost:${port}/`);
    expect((await refused).status()).toBe(403);
    await page.goto(address);
    await hydrated(page);
    await expect(page.getByRole("switch", { name: "Keep offline" })).toBeChecked();
    site.close();
  });
});
