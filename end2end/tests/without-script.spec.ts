import type { Page } from "@playwright/test";
import { LIGHTHOUSE_PAGES, pdf } from "../support/pdf";
import { expect, test } from "../support/fixtures";

test.use({ javaScriptEnabled: false });

/** Sends a document by the library's plain form. */
async function upload(page: Page): Promise<void> {
  await page.goto("/library");
  await page.getByTestId("upload-input").setInputFiles({
    name: "Lighthouse.pdf",
    mimeType: "application/pdf",
    buffer: pdf(LIGHTHOUSE_PAGES),
  });
  await page.locator('form[action^="/library/upload"] button[type="submit"]').click();
}

test("signing up, the library and logging in work without JavaScript", async ({ student }) => {
  test.setTimeout(120_000);
  const { page } = student;

  await upload(page);
  await expect(page).toHaveURL(/\/library/);
  const row = student.material("Lighthouse");
  await expect(row).toBeVisible();
  await expect(async () => {
    await page.reload();
    await expect(row.getByTestId("material-state")).toHaveAttribute("data-stage", "ready", { timeout: 500 });
  }).toPass({ timeout: 45_000 });

  const rename = row.locator('form[action*="rename_material"]');
  await row.getByText("Rename", { exact: true }).first().click();
  await rename.locator('input[name="title"]').fill("The tower of Varnholm");
  await rename.locator('button[type="submit"]').click();
  const renamed = student.material("The tower of Varnholm");
  await expect(renamed).toBeVisible();

  await renamed.getByRole("link").first().click();
  await expect(page.getByText("lighthouse of Varnholm").first()).toBeVisible();

  await page.goto("/library");
  const remove = renamed.locator('form[action*="delete_material"]');
  await renamed.getByText("Delete", { exact: true }).first().click();
  await remove.locator('button[type="submit"]').click();
  await expect(page).toHaveURL(/\/library/);
  await expect(page.getByTestId("material-row")).toHaveCount(0);

  await student.logOut();
  await student.logIn();
  await expect(page).not.toHaveURL(/\/login/);
  await page.goto("/library");
  await expect(page).toHaveURL(/\/library/);
});

test("the figures behind the charts are there to read without JavaScript", async ({ student }) => {
  const { page } = student;
  await upload(page);
  await expect(student.material("Lighthouse")).toBeVisible();

  await page.goto("/analytics");
  for (const name of ["Study time of each day.", "XP and streak of each day.", "Study time by the hour it was spent in."]) {
    const table = page.getByRole("table", { name });
    await expect(table).toBeVisible();
    await expect(table.getByRole("row").nth(1)).toBeVisible();
  }
  await expect(page.getByTestId("calendar-chart")).toBeHidden();
});
