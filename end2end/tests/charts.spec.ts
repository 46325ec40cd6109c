import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures";
import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { hydrated, Student } from "../support/student";

/** The page of charts, with something on it. */
async function openCharts(student: Student): Promise<Page> {
  await student.upload();
  await student.page.goto("/analytics");
  await hydrated(student.page);
  return student.page;
}

const drawn = (page: Page, name: string) => page.getByTestId(name).locator("canvas").first();
/** The frame around a chart, which takes the keys. */
const frame = (page: Page, name: string) => page.getByRole("group", { name: `${name} chart` });
const said = (page: Page, name: string) => page.getByRole("figure").filter({ hasText: name }).getByRole("status");

test("the grid of hours is walked through in both directions by keyboard", async ({ student }) => {
  const page = await openCharts(student);
  await expect(drawn(page, "hours-chart")).toBeVisible();
  const voice = said(page, "Hours of the week");
  const press = (key: string) => frame(page, "Hours of the week").press(key);
  for (const [key, expected] of [
    ["ArrowDown", "Monday, 00:00"],
    ["ArrowRight", "Monday, 01:00"],
    ["ArrowDown", "Tuesday, 01:00"],
    ["ArrowUp", "Monday, 01:00"],
    ["ArrowUp", "Monday, 01:00"],
    ["End", "Sunday, 23:00"],
    ["ArrowDown", "Sunday, 23:00"],
  ] as const) {
    await press(key);
    await expect(voice, key).toContainText(expected);
  }
});

test("on a phone the keyboard brings each day of the year into sight", async ({ student }) => {
  await student.page.setViewportSize({ width: 390, height: 844 });
  await student.upload();
  const { page } = student;
  await page.goto("/analytics?days=365");
  await hydrated(page);
  await expect(drawn(page, "calendar-chart")).toBeVisible();
  const days = frame(page, "Study days");
  const scrolled = () => days.evaluate(({ scrollLeft, scrollWidth, clientWidth }) => scrollLeft / (scrollWidth - clientWidth));
  await expect.poll(scrolled, "today is at the right end").toBeCloseTo(1, 1);
  await days.press("Home");
  await expect.poll(scrolled).toBe(0);
  for (let week = 0; week < 26; week += 1) await days.press("PageDown");
  await expect.poll(scrolled, "the middle of the year").toBeCloseTo(0.5, 1);
  await days.press("End");
  await expect.poll(scrolled).toBeCloseTo(1, 1);
});

test("charts below the window are drawn without being scrolled to", async ({ student }) => {
  await student.page.setViewportSize({ width: 1280, height: 400 });
  const page = await openCharts(student);
  for (const name of ["calendar-chart", "xp-chart", "hours-chart"]) await expect(drawn(page, name)).toBeVisible();
  expect(await page.evaluate(() => scrollY)).toBe(0);
});

test("charts grow with the letters, also while the page is open", async ({ student }) => {
  const page = await openCharts(student);
  await expect(drawn(page, "calendar-chart")).toBeVisible();
  const height = () => drawn(page, "calendar-chart").evaluate((canvas) => canvas.getBoundingClientRect().height);
  const before = await height();
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  await expect.poll(height).toBeCloseTo(2 * before, 0);
});

/** How many pixels of a chart, which may lie in layers, have the colour of each heat step, from none to most. */
function heat(page: Page, name: string): Promise<number[]> {
  return page.getByTestId(name).evaluate((chart: HTMLElement) => {
    const dot = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const layers = [...chart.querySelectorAll("canvas")].map(
      (canvas) => canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [],
    );
    const probe = chart.appendChild(document.createElement("span"));
    const counts = [0, 1, 2, 3, 4].map((step) => {
      probe.style.color = `var(--heat-${step})`;
      if (!dot) return 0;
      dot.fillStyle = getComputedStyle(probe).color;
      dot.fillRect(0, 0, 1, 1);
      const [red, green, blue] = dot.getImageData(0, 0, 1, 1).data;
      let count = 0;
      for (const drawn of layers) {
        for (let at = 0; at < drawn.length; at += 4) {
          if (drawn[at] === red && drawn[at + 1] === green && drawn[at + 2] === blue) count++;
        }
      }
      return count;
    });
    probe.remove();
    return counts;
  });
}

test("days and hours are cells, and a day with study time is darker", async ({ student }) => {
  const page = await openCharts(student);
  for (const name of ["calendar-chart", "hours-chart"]) {
    await expect(drawn(page, name)).toBeVisible();
    // More than an outline. A minute at the turn of an hour may be a whole one of neither.
    await expect.poll(async () => (await heat(page, name))[0], name).toBeGreaterThan(1000);
  }
  await expect.poll(async () => Math.max(...(await heat(page, "calendar-chart")).slice(1))).toBeGreaterThan(100);
});

test("what is done in another tab moves the numbers, and leaves charts and open tables in place", async ({ student }) => {
  const page = await openCharts(student);
  await expect(drawn(page, "xp-chart")).toBeVisible();
  const before = await drawn(page, "xp-chart").elementHandle();
  await page.getByRole("figure").filter({ has: page.getByRole("heading", { name: "XP" }) }).getByText("Show as table").click();
  const table = page.getByRole("table", { name: "XP and streak of each day." });
  await expect(table.getByRole("row").nth(1)).toContainText("60");
  await expect(page.getByTestId("stat-materials").locator("dd")).toContainText("1");

  await new Student(await page.context().newPage()).upload("Harbour.pdf", ["A harbour lies behind a mole."]);
  await expect(page.getByTestId("stat-materials").locator("dd")).toContainText("2");
  await expect(table).toBeVisible();
  await expect(table.getByRole("row").nth(1)).toContainText("110");
  expect(await before?.evaluate((canvas) => canvas.isConnected)).toBe(true);
});

test("who stands on a link of a list still stands on it when the list is renewed", async ({ student }) => {
  const page = await openCharts(student);
  const other = new Student(await page.context().newPage());
  await other.ask(LIGHTHOUSE_QUESTION.text);
  const cited = page.getByRole("region", { name: "Pages your answers point to most" });
  const [link, amount] = [cited.getByRole("link").first(), cited.locator(".amount").first()];
  await expect(amount).toContainText("time");
  const before = await amount.innerText();
  await link.focus();
  await other.ask(LIGHTHOUSE_QUESTION.text);
  await expect(amount).not.toHaveText(before);
  await expect(link).toBeFocused();
});

test.describe("when a period cannot be read", () => {
  test.use({ serviceWorkers: "block", expectedErrors: [/ERR_FAILED/] });

  test("it is read when the student tries again", async ({ student }) => {
    const page = await openCharts(student);
    await page.route("**/api/fn/analytics", (route) => route.abort());
    await page.getByRole("navigation", { name: "Period" }).getByRole("link", { name: "90 days" }).click();
    await page.getByRole("link", { name: "Try again" }).click();
    await expect(page.getByText("The last 90 days")).toBeVisible();
    await expect(page).toHaveURL(/days=90$/);
    await expect(page.getByRole("alert")).toBeHidden();
  });

  test("the page says so instead of showing another one's figures, and the next one is read", async ({ student }) => {
    const page = await openCharts(student);
    const periods = page.getByRole("navigation", { name: "Period" });
    await page.route("**/api/fn/analytics", (route) => route.abort());
    await periods.getByRole("link", { name: "90 days" }).click();
    await expect(page.getByRole("alert")).toContainText("The server could not be reached.");
    await expect(page.getByText("The last 30 days")).toBeHidden();
    await expect(periods.getByRole("link", { name: "90 days" })).toHaveAttribute("aria-current", "true");
    await expect(page.getByRole("link", { name: "Try again" })).toBeVisible();
    await page.unroute("**/api/fn/analytics");
    await periods.getByRole("link", { name: "7 days" }).click();
    await expect(page.getByText("The last 7 days")).toBeVisible();
    await expect(drawn(page, "calendar-chart")).toBeVisible();
  });
});

test("a table that is open stays open when another period is shown", async ({ student }) => {
  const page = await openCharts(student);
  const table = page.getByRole("table", { name: "XP and streak of each day." });
  await expect(table).toBeHidden();
  await page.getByRole("figure").filter({ has: page.getByRole("heading", { name: "XP" }) }).getByText("Show as table").click();
  await expect(table).toBeVisible();
  await page.getByRole("navigation", { name: "Period" }).getByRole("link", { name: "90 days" }).click();
  await expect(page.getByText("The last 90 days")).toBeVisible();
  await expect(table).toBeVisible();
  await expect(page.getByRole("table", { name: "Study time of each day." })).toBeHidden();
});

test.describe("when the chart library cannot be had", () => {
  // What the worker asks for is asked behind the page's back.
  test.use({ serviceWorkers: "block", expectedErrors: [/ERR_FAILED/] });

  test("another period tries again", async ({ student }) => {
    const { page } = student;
    await page.route(/echarts/, (route) => route.abort());
    await openCharts(student);
    await expect(page.getByTestId("xp-chart")).toBeHidden();
    await page.unroute(/echarts/);
    await page.getByRole("navigation", { name: "Period" }).getByRole("link", { name: "7 days" }).click();
    await expect(drawn(page, "xp-chart")).toBeVisible();
  });

  test("the tables stay, and the next visit tries again", async ({ student }) => {
    const { page } = student;
    await page.route(/echarts/, (route) => route.abort());
    await openCharts(student);
    await expect(page.getByTestId("xp-chart")).toBeHidden();
    await expect(page.getByText("Show as table").first()).toBeVisible();

    await page.unroute(/echarts/);
    const rail = page.getByRole("navigation", { name: "Studyin" });
    await rail.getByRole("link", { name: "Library" }).click();
    await expect(page.getByRole("heading", { name: "Library", level: 1 })).toBeVisible();
    await rail.getByRole("link", { name: "Analytics" }).click();
    await expect(drawn(page, "xp-chart")).toBeVisible();
  });
});
