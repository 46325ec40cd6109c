import { expect, test } from "../support/fixtures";
import { newEmail, PASSWORD, Student } from "../support/student";

test("signing up, out and in again leads back to where she was going", async ({ student }) => {
  const { page } = student;
  await student.logOut();
  await page.goto("/library");
  await expect(page).toHaveURL(/\/login/);
  const form = page.locator('form[action^="/login"]');
  await form.locator('input[name="email"]').fill(student.email);
  await form.locator('input[name="password"]').fill(PASSWORD);
  await form.locator('button[type="submit"]').click();
  await expect(page).toHaveURL(/\/library$/);
});

test.describe("refused forms", () => {
  // The browser reports every answer of 400 and above as an error of its own.
  test.use({ expectedErrors: [/status of 4(01|22)/] });

  test("a wrong password keeps the address and says what to do", async ({ student }) => {
    const { page } = student;
    await student.logOut();
    await student.logIn("not the password");
    const form = page.locator('form[action^="/login"]');
    await expect(form.locator('input[name="email"]')).toHaveValue(student.email);
    await expect(form.locator('input[name="password"]')).toHaveValue("");
    await expect(page.getByRole("alert")).toBeVisible();
  });

  test("a common password is refused at sign-up and the address is kept", async ({ page }) => {
    const email = newEmail();
    await page.goto("/signup");
    const form = page.locator('form[action^="/signup"]');
    await form.locator('input[name="email"]').fill(email);
    await form.locator('input[name="password"]').fill("password123");
    await form.locator('button[type="submit"]').click();
    await expect(page).toHaveURL(/\/signup/);
    await expect(form.locator('input[name="email"]')).toHaveValue(email);
    await expect(page.getByRole("alert")).toBeVisible();
  });
});

test("changing the password ends the other sessions", async ({ student, browser, baseURL }) => {
  const { page } = student;
  const elsewhere = await browser.newContext({ baseURL });
  const other = new Student(await elsewhere.newPage(), student.email);
  await other.logIn();
  await expect(other.page).not.toHaveURL(/\/login/);

  await page.goto("/settings");
  const form = page.locator('form[action^="/settings/password"]');
  const fields = form.locator('input[type="password"]');
  await fields.nth(0).fill(PASSWORD);
  for (let field = 1; field < (await fields.count()); field += 1) {
    await fields.nth(field).fill("another long sentence");
  }
  await form.locator('button[type="submit"]').click();
  await expect(page).toHaveURL(/\/(settings|login)/);

  await other.page.goto("/library");
  await expect(other.page).toHaveURL(/\/login/);
  await elsewhere.close();
});
