import type { Page } from "@playwright/test";
import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { expect, test } from "../support/fixtures";
import { hydrated, type Student } from "../support/student";

const VISITOR_PAGES = ["/", "/login", "/signup"];

/** Every page of a student who has a material and a conversation. */
async function studentPages(student: Student): Promise<string[]> {
  const row = await student.upload();
  const material = (await row.getByRole("link").first().getAttribute("href")) ?? "/library";
  const answer = await student.ask(LIGHTHOUSE_QUESTION.text);
  const cited = (await answer.locator("a.citation").first().getAttribute("href")) ?? material;
  await expect(student.page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  const conversation = new URL(student.page.url()).pathname;
  return ["/", "/library", material, cited, "/coach", conversation, "/analytics", "/settings"];
}

async function settled(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

test("no page scrolls sideways on a phone", async ({ page, another }) => {
  test.setTimeout(180_000);
  const overflow = async (shown: Page, path: string): Promise<void> => {
    await settled(shown, path);
    for (const width of [360, 390]) {
      await shown.setViewportSize({ width, height: 780 });
      const wide = await shown.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect.soft(wide, `${path} at ${width} px`).toBeLessThanOrEqual(0);
    }
  };
  for (const path of VISITOR_PAGES) await overflow(page, path);
  const student = await another();
  for (const path of await studentPages(student)) {
    await student.page.setViewportSize({ width: 390, height: 780 });
    await overflow(student.page, path);
  }
});

interface Shift extends PerformanceEntry {
  value: number;
  sources: { node: Node | null }[];
}

/** How much of the window a page moved by itself from its first paint until it is quiet, and what of it. */
async function shifted(page: Page, path: string): Promise<{ sum: number; moved: string[] }> {
  await settled(page, path);
  await page.waitForLoadState("networkidle");
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const shifts: Shift[] = [];
        new PerformanceObserver((list) => shifts.push(...(list.getEntries() as Shift[]))).observe({
          type: "layout-shift",
          buffered: true,
        });
        const moved = ({ sources }: Shift): string[] => sources.map(({ node }) => (node?.textContent ?? "").slice(0, 60));
        // What was seen before is handed over ahead of the next frame's end.
        requestAnimationFrame(() =>
          requestAnimationFrame(() =>
            resolve({ sum: shifts.reduce((sum, { value }) => sum + value, 0), moved: shifts.flatMap(moved) }),
          ),
        );
      }),
  );
}

test("nothing moves when a page wakes up", async ({ student }) => {
  test.setTimeout(180_000);
  const { page } = student;
  const paths = await studentPages(student);
  for (const viewport of [{ width: 390, height: 844 }, { width: 1280, height: 720 }]) {
    await page.setViewportSize(viewport);
    for (const path of paths) {
      const { sum, moved } = await shifted(page, path);
      // Half of what a page may move in all; a line more or less that is news is not what this is about.
      expect.soft(sum, `${path} at ${viewport.width} px: ${moved.join(" | ")}`).toBeLessThan(0.01);
    }
  }
});

test("the keyboard reaches the content, the navigation and the composer", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await settled(page, "/coach");

  await page.keyboard.press("Tab");
  const skip = page.locator(":focus");
  await expect(skip).toHaveAttribute("href", /^#/);
  await expect(skip).toBeInViewport();

  const reached = new Set<string>();
  let composer = false;
  for (let presses = 0; presses < 40 && !composer; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus");
    if ((await focused.count()) === 0) continue;
    const outline = await focused.evaluate((element) => {
      const style = getComputedStyle(element);
      return style.outlineStyle !== "none" || style.boxShadow !== "none" || element.matches("textarea, input");
    });
    expect(outline, `visible focus on ${await focused.evaluate((element) => element.outerHTML.slice(0, 120))}`).toBe(true);
    reached.add((await focused.getAttribute("href")) ?? "");
    composer = (await focused.getAttribute("data-testid")) === "composer";
  }
  expect(composer, "the composer is reached").toBe(true);
  for (const path of ["/", "/library", "/coach", "/analytics"]) expect([...reached]).toContain(path);
});

test("moving between the pages by their links keeps the browser free of errors", async ({ student }) => {
  const { page } = student;
  await settled(page, "/");
  for (const path of ["/library", "/coach", "/analytics", "/settings", "/"]) {
    await page.locator(`a[href="${path}"]:visible`).first().click();
    await expect(page).toHaveURL((url) => url.pathname === path);
    await expect(page.locator("main h1, main h2").first()).toBeVisible();
  }
});

test.describe("an address that leads nowhere", () => {
  test.use({ expectedErrors: [/status of 404/] });

  test("answers 404 with a page that leads home", async ({ page }) => {
    const response = await page.goto("/no/such/page");
    expect([404, 200]).toContain(response?.status());
    await expect(page.locator('a[href="/"]').first()).toBeVisible();
  });
});
