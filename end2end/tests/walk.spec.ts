import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { expect, test } from "../support/fixtures";
import { hydrated } from "../support/student";

test("a student uploads a document, asks, follows the citation and sees it counted", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;

  const row = await student.upload();
  await expect(row).toContainText(/6\s*pages/);

  const answer = await student.ask(LIGHTHOUSE_QUESTION.text);
  await expect(answer).toContainText(LIGHTHOUSE_QUESTION.answer);
  await expect(page.getByTestId("source").first()).toContainText("Lighthouse");

  const citation = answer.locator("a.citation").first();
  await expect(citation).toHaveAttribute("href", new RegExp(`^/library/[0-9a-f-]+\\?page=${LIGHTHOUSE_QUESTION.page}&`));
  await citation.click();
  await expect(page).toHaveURL(new RegExp(`/library/[0-9a-f-]+\\?page=${LIGHTHOUSE_QUESTION.page}&`));
  const mark = page.locator("mark").first();
  await expect(mark).toBeVisible();
  await expect(mark).toBeInViewport();
  await expect(page.locator("#highlight")).toContainText(LIGHTHOUSE_QUESTION.answer);

  await page.goto("/analytics");
  await expect(page.getByTestId("stat-questions")).toContainText("1");
  // 10 for the day, 50 for the material, 5 for the question.
  await expect(page.getByTestId("stat-xp")).toContainText("65");
  for (const chart of ["calendar-chart", "xp-chart"]) {
    await expect(page.getByTestId(chart).locator("canvas, svg").first()).toBeVisible();
  }
});

test("the sample can be added with one click and answers a question", async ({ student }) => {
  const { page } = student;
  await page.goto("/library");
  await hydrated(page);
  await page.getByRole("button", { name: /sample/i }).first().click();
  await expect(page.getByTestId("material-state").first()).toHaveAttribute("data-stage", "ready", { timeout: 45_000 });
  const answer = await student.ask("What is cardiac output?");
  await expect(answer.locator("a.citation").first()).toHaveAttribute("href", /^\/library\//);
});

test("a question the documents do not cover is refused plainly", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await page.goto("/coach");
  await hydrated(page);
  await page.getByTestId("composer").fill("Which enzyme unwinds DNA during replication?");
  await page.getByTestId("send").click();
  const answer = page.getByTestId("answer").first();
  await expect(answer).toContainText(/do not cover/i, { timeout: 30_000 });
  await expect(answer.locator("a.citation")).toHaveCount(0);
});

test("an answer is there after a reload, and its conversation is in the list", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await student.ask(LIGHTHOUSE_QUESTION.text);
  await expect(page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  await page.reload();
  await expect(page.getByTestId("answer").first()).toContainText(LIGHTHOUSE_QUESTION.answer);
  await expect(page.getByTestId("answer").first().locator("a.citation").first()).toBeVisible();

  await page.goto("/coach");
  await page.getByRole("link", { name: /How tall is the tower/ }).first().click();
  await expect(page.getByTestId("answer").first()).toContainText(LIGHTHOUSE_QUESTION.answer);
});

test("Enter sends and Shift+Enter breaks the line", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await page.goto("/coach");
  await hydrated(page);
  const composer = page.getByTestId("composer");
  await composer.fill("How tall is the tower?");
  await composer.press("Shift+Enter");
  await expect(composer).toHaveValue("How tall is the tower?\n");
  await expect(page.getByTestId("answer")).toHaveCount(0);
  await composer.press("Enter");
  await expect(page.getByTestId("answer").locator(".citation").first()).toBeVisible({ timeout: 30_000 });
  await expect(composer).toHaveValue("");
});

test("the same bytes uploaded again find the material that is there", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await student.upload();
  await expect(page.getByTestId("material-row")).toHaveCount(1);
});
