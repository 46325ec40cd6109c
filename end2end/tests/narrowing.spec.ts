import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { expect, test } from "../support/fixtures";
import { hydrated } from "../support/student";

const BREAD = ["The baker of the village lets the dough rest overnight. Yeast makes the bread rise slowly in the cold."];

test("a question can be asked of one document, of some pages, and of a tag", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;
  await student.upload();
  const bread = await student.upload("Bread.pdf", BREAD);

  await bread.getByText("Tags", { exact: true }).click();
  await bread.getByLabel("Tags, with commas between them").fill(" Baking, exam  2,baking ");
  await bread.getByRole("button", { name: "Save" }).click();
  await expect(bread.locator("a.tag")).toHaveText(["baking", "exam 2"]);

  await bread.getByRole("link", { name: "Ask", exact: true }).click();
  await expect(page).toHaveURL(/\/coach\?material=/);
  await hydrated(page);
  const narrowing = page.getByTestId("narrowing");
  await expect(narrowing).toHaveText("Asking only: Bread");
  await page.getByTestId("composer").fill(LIGHTHOUSE_QUESTION.text);
  await page.getByTestId("send").click();
  await expect(page.getByTestId("answer").first()).toContainText("What you chose (Bread) does not cover this", { timeout: 30_000 });
  await expect(page.locator(".asked-of")).toHaveText("Asked of: Bread");

  // What was chosen comes back with the conversation.
  await page.reload();
  await hydrated(page);
  await expect(narrowing).toHaveText("Asking only: Bread");
  await narrowing.click();
  await page.getByRole("button", { name: "Ask all documents" }).click();
  await expect(narrowing).toHaveText("Asking all documents");
  await student.ask(LIGHTHOUSE_QUESTION.text);

  await page.getByRole("checkbox", { name: "Lighthouse" }).check();
  const [first, last] = [page.getByLabel("From", { exact: true }), page.getByLabel("to", { exact: true })];
  await first.fill(String(LIGHTHOUSE_QUESTION.page));
  await last.fill(String(LIGHTHOUSE_QUESTION.page));
  await last.press("Enter");
  await expect(narrowing).toHaveText(`Asking only: Lighthouse, page ${LIGHTHOUSE_QUESTION.page}`);
  const answer = await student.ask(LIGHTHOUSE_QUESTION.text);
  await expect(answer).toContainText(LIGHTHOUSE_QUESTION.answer);
  for (const source of await page.getByTestId("source").all()) await expect(source).toContainText("Lighthouse");

  await page.goto("/library");
  await hydrated(page);
  await bread.locator("a.tag").first().click();
  await expect(narrowing).toHaveText("Asking only: tagged baking");
  const baked = await student.ask("What makes the bread rise?");
  await expect(baked).toContainText("Yeast");
});

test("the choice is made by keyboard alone and fits a phone", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/coach");
  await hydrated(page);
  await page.getByTestId("narrowing").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("checkbox", { name: "Lighthouse" }).focus();
  await page.keyboard.press("Space");
  await expect(page.getByTestId("narrowing")).toHaveText("Asking only: Lighthouse");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(390);
});
