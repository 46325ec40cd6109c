import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import { expect, testAsOwner as test } from "../support/fixtures";
import { LIGHTHOUSE_PAGES, LIGHTHOUSE_QUESTION, pdf } from "../support/pdf";
import { hydrated, PASSWORD, type Student } from "../support/student";

/** A phone and a laptop, in CSS pixels. */
const WIDTHS = { 390: 844, 1280: 860 };
/** Most Tab presses until something on a page is reached; the longest page has some forty stops. */
const TABS_MAX = 80;

/** Every page of an owner who has a material and a conversation. */
async function ownersPages(student: Student): Promise<string[]> {
  const row = await student.upload();
  const material = (await row.getByRole("link").first().getAttribute("href")) ?? "/library";
  const answer = await student.ask(LIGHTHOUSE_QUESTION.text);
  const cited = (await answer.locator("a.citation").first().getAttribute("href")) ?? material;
  await expect(student.page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  const conversation = new URL(student.page.url()).pathname;
  return [
    "/",
    "/library",
    material,
    cited,
    "/coach",
    conversation,
    "/analytics",
    "/settings",
    "/admin/cache",
    "/admin/performance",
    "/api/docs",
    "/no/such/page",
  ];
}

const VISITORS_PAGES = ["/", "/login", "/signup", "/offline.html"];
/** What these show before there is anything differs from what they show later. */
const PAGES_OF_THE_FIRST_DAY = ["/", "/library", "/coach", "/analytics"];

/** Every violation of every rule on each of the pages, at both widths. */
async function violations(page: Page, paths: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    await page.goto(path);
    await hydrated(page);
    await page.waitForLoadState("networkidle");
    for (const [width, height] of Object.entries(WIDTHS)) {
      await page.setViewportSize({ width: Number(width), height });
      // Without a second page for the frames of other origins, which there are none of: half the time.
      const result = await new AxeBuilder({ page }).setLegacyMode().analyze();
      expect(result.passes.length, `rules that applied to ${path}`).toBeGreaterThan(0);
      for (const { id, impact, nodes } of result.violations) {
        for (const node of nodes) {
          found.push(`${path} at ${width}: ${impact} ${id} ${node.target.join(" ")}\n${node.failureSummary ?? ""}`);
        }
      }
    }
  }
  return found;
}

test.describe("no rule of axe is broken on any page", () => {
  // One of the addresses leads nowhere.
  test.use({ expectedErrors: [/status of 404/] });

  for (const colorScheme of ["light", "dark"] as const) {
    test(`in ${colorScheme} colours`, async ({ page, another }) => {
      test.setTimeout(360_000);
      const look = { colorScheme, reducedMotion: "reduce" } as const;
      await page.emulateMedia(look);
      expect.soft(await violations(page, VISITORS_PAGES)).toEqual([]);
      const owner = await another();
      await owner.page.emulateMedia(look);
      expect.soft(await violations(owner.page, PAGES_OF_THE_FIRST_DAY)).toEqual([]);
      expect.soft(await violations(owner.page, await ownersPages(owner))).toEqual([]);
    });
  }
});

/** An outline on what has the focus, or on the box it fills (a field's frame, a file input's label). */
async function focusIsVisible(page: Page): Promise<void> {
  const [seen, what] = await page.locator(":focus").evaluate((focused) => {
    const isOutlined = (element: Element): boolean => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 && element.getBoundingClientRect().width > 1;
    };
    const boxes = [focused, focused.parentElement, focused.parentElement?.parentElement];
    return [boxes.some((box) => box && isOutlined(box)), focused.outerHTML.slice(0, 160)] as const;
  });
  expect(seen, `the focus shows on ${what}`).toBe(true);
}

/** Goes from stop to stop with Tab until `target` has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeAttached();
  for (let presses = 0; presses < TABS_MAX; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return focusIsVisible(page);
    await page.keyboard.press("Tab");
    if ((await page.locator(":focus").count()) > 0) await focusIsVisible(page);
  }
  throw new Error(`Tab does not lead to ${target.toString()}`);
}

/** Goes to a page by its link in the rail. */
async function followRail(page: Page, path: string): Promise<void> {
  await tabTo(page, page.locator(`nav.rail a[href="${path}"]`).last());
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL((url) => url.pathname === path);
  await hydrated(page);
}

test("every action of the walk works by keyboard alone", async ({ student }) => {
  test.setTimeout(180_000);
  const { page, email } = student;
  await page.setViewportSize({ width: 1280, height: 860 });
  await student.logOut();

  // Sign in.
  await page.goto("/login");
  await tabTo(page, page.getByLabel("E-mail"));
  await page.keyboard.type(email);
  await tabTo(page, page.getByLabel("Password"));
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL((url) => url.pathname === "/");
  await hydrated(page);

  // Upload: the chooser opens from the field's own focus.
  await followRail(page, "/library");
  await tabTo(page, page.getByTestId("upload-input"));
  const chooser = page.waitForEvent("filechooser");
  await page.keyboard.press("Enter");
  const buffer = pdf(LIGHTHOUSE_PAGES);
  await (await chooser).setFiles({ name: "Lighthouse.pdf", mimeType: "application/pdf", buffer });
  const state = student.material("Lighthouse").getByTestId("material-state");
  await expect(state).toHaveAttribute("data-stage", "ready", { timeout: 45_000 });

  // Ask.
  await followRail(page, "/coach");
  await tabTo(page, page.getByTestId("composer"));
  await page.keyboard.type(LIGHTHOUSE_QUESTION.text);
  await page.keyboard.press("Enter");
  const citation = page.getByTestId("answer").locator("a.citation").first();
  await expect(citation).toBeVisible({ timeout: 30_000 });
  await expect(page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  const conversation = page.url();

  // Open a citation, and go back to the conversation.
  await tabTo(page, citation);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`page=${LIGHTHOUSE_QUESTION.page}&`));
  await expect(page.locator("#highlight")).toBeInViewport();
  // What the browser's own Alt + Left does; without a window it has no such key.
  await page.goBack();
  await expect(page).toHaveURL(conversation);
  await expect(page.getByTestId("answer").locator("a.citation").first()).toBeVisible();

  // Look at another period.
  await followRail(page, "/analytics");
  await tabTo(page, page.getByRole("navigation", { name: "Period" }).getByRole("link", { name: "90 days" }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/days=90/);
  await expect(page.getByTestId("stat-questions")).toContainText("1");

  // Log out.
  await followRail(page, "/settings");
  await tabTo(page, page.getByRole("button", { name: "Log out" }));
  await page.keyboard.press("Enter");
  await expect(page).not.toHaveURL(/\/settings/);
  await page.goto("/library");
  await expect(page).toHaveURL(/\/login/);
});
