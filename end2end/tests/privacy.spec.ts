import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { expect, test } from "../support/fixtures";
import { hydrated } from "../support/student";

test.describe("two students", () => {
  // The pages and files of somebody else answer 404, which the browser reports as an error.
  test.use({ expectedErrors: [/status of 404/] });

  test("never see each other's materials, conversations or counts", async ({ student, another }) => {
    test.setTimeout(120_000);
    const row = await student.upload();
    const material = new URL((await row.getByRole("link").first().getAttribute("href")) ?? "", "http://x").pathname;
    expect(material).toMatch(/^\/library\/[0-9a-f-]+$/);
    await student.ask(LIGHTHOUSE_QUESTION.text);
    await expect(student.page).toHaveURL(/\/coach\/[0-9a-f-]+/);
    const conversation = new URL(student.page.url()).pathname;

    const stranger = await another();
    const { page } = stranger;
    for (const path of ["/", "/library", "/coach", "/analytics", material, `${material}?page=2`, conversation]) {
      await page.goto(path);
      await expect(page.locator("body")).not.toContainText(/granite|How tall is the tower/);
      await expect(page.getByTestId("material-row")).toHaveCount(0);
      await expect(page.getByTestId("answer")).toHaveCount(0);
    }

    const id = material.split("/").at(-1);
    const file = await page.request.get(`/files/${id}`);
    expect(file.status()).toBe(404);
    const missing = await page.request.get("/files/01900000-0000-7000-8000-000000000000");
    expect(missing.status()).toBe(404);
    expect(await file.text()).toBe(await missing.text());

    await page.goto("/coach");
    await hydrated(page);
    await page.getByTestId("composer").fill(LIGHTHOUSE_QUESTION.text);
    if (await page.getByTestId("send").isEnabled()) {
      await page.getByTestId("send").click();
      await expect(page.getByTestId("answer").first()).not.toBeEmpty();
      await expect(page.locator("a.citation")).toHaveCount(0);
    }

    // The stranger's visit changed nothing for the first student.
    await student.page.goto("/analytics");
    await expect(student.page.getByTestId("stat-questions")).toContainText("1");
  });
});
