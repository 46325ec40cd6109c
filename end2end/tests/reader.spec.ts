import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import { LIGHTHOUSE_PAGES, LIGHTHOUSE_QUESTION, pdf } from "../support/pdf";
import { expect, test } from "../support/fixtures";
import { hydrated, type Student } from "../support/student";

/** The address of an uploaded document in the reader. */
async function uploaded(student: Student, name?: string, pages?: string[]): Promise<string> {
  const row = await student.upload(name, pages);
  return (await row.getByRole("link").first().getAttribute("href")) ?? "";
}

async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await hydrated(page);
}

/** Whether an image has arrived and could be decoded. */
async function isShown(picture: Locator): Promise<void> {
  await expect
    .poll(() => picture.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth))
    .toBeGreaterThan(0);
}

test("a citation opens its page as text and as it looks, with the passage marked on both", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;
  await page.setViewportSize({ width: 1280, height: 800 });
  await student.upload();
  const answer = await student.ask(LIGHTHOUSE_QUESTION.text);
  await answer.locator("a.citation").first().click();
  await expect(page).toHaveURL(new RegExp(`page=${LIGHTHOUSE_QUESTION.page}&`));
  await expect(page.locator("#highlight")).toBeInViewport();
  await isShown(page.getByTestId("page-picture"));

  const marks = page.getByTestId("picture-marks").locator(".passage rect");
  await expect(marks.first()).toBeInViewport();
  // The passage is a few lines on the upper half of the sheet; so are its marks.
  const sheet = await page.locator(".sheet").boundingBox();
  const mark = await marks.first().boundingBox();
  if (!sheet || !mark) throw new Error("the picture or its mark has no place");
  expect(mark.y).toBeGreaterThan(sheet.y);
  expect(mark.y + mark.height).toBeLessThan(sheet.y + sheet.height / 2);
  expect(mark.width).toBeGreaterThan(sheet.width / 10);
  expect(mark.height).toBeLessThan(sheet.height / 20);
});

test("thumbnails lead to pages, and a long document brings only a few of them along", async ({ student }) => {
  test.setTimeout(180_000);
  const { page } = student;
  await page.setViewportSize({ width: 1280, height: 800 });
  const pages = Array.from({ length: 300 }, (_, index) => `Page ${index + 1} of a long book, with words of its own.`);
  const address = await uploaded(student, "Long.pdf", pages);
  const html = await (await page.request.get(`${address}?page=150`)).text();
  expect(html.match(/\.png\?width=200/g)?.length).toBeLessThanOrEqual(20);

  await open(page, `${address}?page=150`);
  const strip = page.getByTestId("strip");
  await expect(strip.locator("img[loading=lazy]").first()).toBeAttached();
  await expect(strip.locator('[aria-current="page"]')).toContainText("150");
  await isShown(strip.locator('[aria-current="page"] img'));
  await strip.locator("ol").evaluate((list) => (list.scrollTop = list.scrollHeight));
  const later = strip.getByRole("link", { name: "Page 165", exact: true });
  await expect(later).toBeAttached();
  expect(await strip.locator("li").count()).toBeLessThanOrEqual(48);
  await later.click();
  await expect(page).toHaveURL(/page=165/);
  await expect(page.getByTestId("page-text")).toContainText("Page 165 of a long book");
  await expect(strip.locator('[aria-current="page"]')).toContainText("165");
});

test("a search finds words, marks them and leads from place to place", async ({ student }) => {
  const { page } = student;
  await page.setViewportSize({ width: 1280, height: 800 });
  await open(page, await uploaded(student));
  await page.keyboard.press("/");
  const field = page.getByRole("searchbox", { name: "Find in this document" });
  await expect(field).toBeFocused();
  await field.fill("TOWER");
  await field.press("Enter");
  await expect(page.getByTestId("found")).toContainText("Place 1 of");
  await expect(page.locator("#highlight")).toHaveText("tower");
  await expect(page.getByTestId("picture-marks").locator(".passage rect")).toHaveCount(1);
  await expect(page.getByTestId("picture-marks").locator(".place rect")).toHaveCount(0);
  const first = new URL(page.url()).searchParams.get("page");
  await page.getByRole("link", { name: "Next place" }).click();
  await expect(page.getByTestId("found")).toContainText("Place 2 of");
  await expect(page).not.toHaveURL(new RegExp(`page=${first}&.*from=`));
  await page.getByRole("link", { name: "End the search" }).click();
  await expect(page.locator(".page-text mark")).toHaveCount(0);
  await expect(page.getByTestId("found")).toHaveCount(0);
});

test("keys turn pages and size the page, and leave Ctrl to the browser", async ({ student }) => {
  const { page } = student;
  await page.setViewportSize({ width: 1280, height: 800 });
  await open(page, await uploaded(student));
  const sheet = page.locator(".sheet");
  const zoom = page.getByTestId("zoom");
  const width = async (): Promise<number> => (await sheet.boundingBox())?.width ?? 0;
  const whole = await width();
  await page.keyboard.press("+");
  await expect(zoom).toContainText("125");
  expect(await width()).toBeGreaterThan(whole * 1.2);
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await expect(zoom).toContainText("75");
  await page.keyboard.press("0");
  await expect(zoom).toContainText("100");
  await page.keyboard.press("Control+-");
  await expect(zoom).toContainText("100");

  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/page=2/);
  await page.keyboard.press("End");
  await expect(page).toHaveURL(new RegExp(`page=${LIGHTHOUSE_PAGES.length}`));
  await expect(page.getByTestId("page-text")).toContainText("automatic in 1962");
  await page.keyboard.press("ArrowLeft");
  await expect(page).toHaveURL(/page=5/);
  await page.keyboard.press("Home");
  await expect(page).toHaveURL(/page=1/);
});

test("a document that is opened while it is being read completes itself", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;
  await open(page, "/library");
  const pages = Array.from({ length: 120 }, (_, index) => `Chapter ${index + 1} tells of the sea and of the harbour.`);
  await page.getByTestId("upload-input").setInputFiles({ name: "Sea.pdf", mimeType: "application/pdf", buffer: pdf(pages) });
  await student.material("Sea").getByRole("link").first().click();
  await expect(page).toHaveURL(/\/library\/[0-9a-f-]+/);
  // Without a reload, and without asking again and again.
  await expect(page.getByTestId("page-text")).toContainText("Chapter 1 tells", { timeout: 60_000 });
  await expect(page.getByTestId("material-state")).toHaveCount(0, { timeout: 60_000 });
  await page.keyboard.press("End");
  await expect(page.getByTestId("page-text")).toContainText("Chapter 120 tells");
});

test("text, page or both: the choice is kept", async ({ student }) => {
  const { page } = student;
  await page.setViewportSize({ width: 1280, height: 800 });
  const address = await uploaded(student);
  await open(page, address);
  await expect(page.locator(".text-pane")).toBeVisible();
  await expect(page.locator(".picture-pane")).toBeVisible();
  await page.locator(".views label").filter({ hasText: "Page" }).click();
  await expect(page.locator(".text-pane")).toBeHidden();
  await open(page, `${address}?page=2`);
  await expect(page.locator(".text-pane")).toBeHidden();
  await expect(page.locator(".picture-pane")).toBeVisible();
  await page.locator(".views label").filter({ hasText: "Text" }).click();
  await expect(page.locator(".picture-pane")).toBeHidden();
});

test.describe("without a script", () => {
  test("pages are turned, words found and passages marked", async ({ student, browser, baseURL }) => {
    const address = await uploaded(student);
    const context = await browser.newContext({
      baseURL,
      javaScriptEnabled: false,
      storageState: await student.context.storageState(),
    });
    const page = await context.newPage();
    await page.goto(address);
    await expect(page.getByTestId("page-picture")).toBeVisible();
    await page.getByRole("link", { name: "Next" }).first().click();
    await expect(page.getByTestId("page-text")).toContainText("grey granite");
    await page.getByRole("searchbox").fill("mercury");
    await page.getByRole("button", { name: "Find" }).click();
    await expect(page.getByTestId("found")).toContainText("1 place");
    await page.getByRole("link", { name: "Next place" }).click();
    await expect(page.locator("#highlight")).toHaveText("mercury");
    await expect(page.getByTestId("picture-marks").locator(".passage rect")).toHaveCount(1);
    await page.locator(".views label").filter({ hasText: "Text" }).click();
    await expect(page.locator(".picture-pane")).toBeHidden();
    await context.close();
  });
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`the reader with marks and places can be used with assistive technology, ${colorScheme}`, async ({ student }) => {
    const { page } = student;
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await open(page, `${await uploaded(student)}?page=2&find=tower`);
    await expect(page.locator("#highlight")).toBeVisible();
    await page.getByText("All places").click();
    await page.getByText("Keys", { exact: true }).click();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`)).toEqual([]);
  });
}

test.describe("a document of somebody else", () => {
  test.use({ expectedErrors: [/status of 404/] });

  test("is answered as one that does not exist", async ({ student, another }) => {
    const address = await uploaded(student);
    const other = await another();
    const response = await other.page.goto(address);
    expect(response?.status()).toBe(404);
    await expect(other.page.getByRole("alert")).toContainText("There is no such material");
  });
});
