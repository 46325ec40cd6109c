import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../support/fixtures";
import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { hydrated, type Student } from "../support/student";

const OTHER_QUESTION = "Which stone is the tower of Varnholm built of?";

/** One question in a conversation of its own; its address. */
async function converse(student: Student, question: string): Promise<string> {
  await student.page.goto("/coach");
  await student.ask(question);
  await expect(student.page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  return student.page.url();
}

function conversation(page: Page, question: string): Locator {
  return page.getByTestId("conversation").filter({ hasText: question });
}

async function remove(entry: Locator): Promise<void> {
  await entry.locator("summary").click();
  await entry.getByRole("button", { name: "Delete it" }).click();
}

test("a deleted conversation leaves the list, and the page too if it is the open one", async ({ student }) => {
  const { page } = student;
  await student.upload();
  await converse(student, LIGHTHOUSE_QUESTION.text);
  const open = await converse(student, OTHER_QUESTION);
  await page.reload();
  await hydrated(page);
  const entries = page.getByTestId("conversation");
  await expect(entries).toHaveCount(2);
  await expect(conversation(page, OTHER_QUESTION).getByRole("link")).toHaveAttribute("aria-current", "page");

  await remove(conversation(page, LIGHTHOUSE_QUESTION.text));
  await expect(entries).toHaveCount(1);
  expect(page.url()).toBe(open);
  await expect(page.getByTestId("answer")).toBeVisible();
  await expect(page.getByRole("link", { name: "New question" })).toBeFocused();

  await remove(conversation(page, OTHER_QUESTION));
  await expect(entries).toHaveCount(0);
  await expect(page).toHaveURL(/\/coach$/);
  await expect(page.getByTestId("answer")).toHaveCount(0);
  await page.reload();
  await expect(page.getByText("Your conversations are kept here.")).toBeAttached();
});

test("without JavaScript, what became of a deletion is said as well", async ({ student, browser, baseURL }) => {
  await student.upload();
  await converse(student, LIGHTHOUSE_QUESTION.text);
  const storageState = await student.context.storageState();
  const context = await browser.newContext({ baseURL, storageState, javaScriptEnabled: false });
  const [page, other] = [await context.newPage(), await context.newPage()];
  await page.goto("/coach");
  await other.goto("/coach");
  await remove(conversation(page, LIGHTHOUSE_QUESTION.text));
  await expect(page).toHaveURL(/\/coach$/);
  await expect(page.getByTestId("conversation")).toHaveCount(0);
  await expect(page.getByRole("alert")).toHaveCount(0);

  await remove(conversation(other, LIGHTHOUSE_QUESTION.text));
  await expect(other.getByRole("alert")).toContainText("conversation");
  await expect(other.getByTestId("conversation")).toHaveCount(0);
  await context.close();
});
