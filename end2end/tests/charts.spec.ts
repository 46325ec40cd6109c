import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures";
import { hydrated, type Student } from "../support/student";

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

test("charts grow with the letters, also while the page is open", async ({ student }) => {
  const page = await openCharts(student);
  await expect(drawn(page, "calendar-chart")).toBeVisible();
  const height = () => drawn(page, "calendar-chart").evaluate((canvas) => canvas.getBoundingClientRect().height);
  const before = await height();
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  await expect.poll(height).toBeCloseTo(2 * before, 0);
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
