import { expect, test } from "../support/fixtures";
import { hydrated, installClock, show } from "../support/student";

// A request that the service worker leaves to the network is told twice.
test.use({ serviceWorkers: "block" });

test("a reader says that somebody reads, falls silent without input, and goes on with the next", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;
  const row = await student.upload();
  const address = (await row.getByRole("link").first().getAttribute("href")) ?? "";
  const calls: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/")) calls.push(pathname);
  });
  const beats = () => calls.filter((path) => path === "/api/heartbeat").length;

  await installClock(page);
  await page.goto(address);
  await hydrated(page);
  await page.clock.runFor(4_000);
  await expect.poll(() => calls.filter((path) => path.endsWith("/record_page_read")).length).toBe(1);
  await page.mouse.move(300, 300);
  await page.clock.runFor(95_000);
  await expect.poll(beats).toBe(3);

  // Two minutes after the last input nobody reads any more.
  await page.clock.runFor(60_000);
  calls.length = 0;
  await page.clock.runFor(60_000);
  expect(calls).toEqual([]);
  await page.mouse.move(320, 320);
  await page.clock.runFor(31_000);
  await expect.poll(beats).toBe(1);

  // A hidden tab says so a last time and then nothing.
  await show(page, "hidden");
  await expect.poll(beats).toBe(2);
  await page.clock.runFor(90_000);
  expect(beats()).toBe(2);
  await show(page, "visible");
  await page.clock.runFor(31_000);
  await expect.poll(beats).toBe(3);
});

test("a last word goes out when the reader is left by a link, and a clock set back counts for nothing", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;
  const row = await student.upload();
  const address = (await row.getByRole("link").first().getAttribute("href")) ?? "";
  let beats = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/api/heartbeat")) beats += 1;
  });
  await installClock(page);
  await page.goto(address);
  await hydrated(page);
  await page.clock.runFor(4_000);
  await page.getByRole("navigation", { name: "Studyin" }).getByRole("link", { name: "Library" }).click();
  await expect.poll(() => beats).toBe(1);

  await page.goto(address);
  await hydrated(page);
  await page.clock.runFor(4_000);
  beats = 0;
  await page.clock.setSystemTime(await page.evaluate(() => Date.now() - 3_600_000));
  await page.clock.runFor(90_000);
  expect(beats).toBe(0);
});

test.describe("when the word that a page was read is lost", () => {
  test.use({ expectedErrors: [/Failed to load resource/] });

  test("it is said again with the next heartbeat, and no more once it has arrived", async ({ student }) => {
    const { page } = student;
    const row = await student.upload();
    const address = (await row.getByRole("link").first().getAttribute("href")) ?? "";
    let told = 0;
    await page.route("**/record_page_read", (route) => {
      told += 1;
      return told === 1 ? route.fulfill({ status: 503 }) : route.continue();
    });
    await installClock(page);
    await page.goto(address);
    await hydrated(page);
    const lost = page.waitForResponse(/record_page_read/);
    await page.clock.runFor(4_000);
    await lost;
    await page.mouse.move(300, 300);
    await page.clock.runFor(30_000);
    await expect.poll(() => told).toBe(2);
    await page.clock.runFor(60_000);
    expect(told).toBe(2);
  });
});
