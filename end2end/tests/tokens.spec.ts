import { expect, test } from "../support/fixtures";

test("a program gets in with a token until it is revoked", async ({ student, playwright, baseURL }) => {
  const { page } = student;
  await page.goto("/settings");
  const section = page.locator("#tokens");
  await section.getByLabel("Name of the new token").fill("Backup script");
  await section.getByRole("button", { name: "Create token" }).click();
  const shown = section.locator(".token-text");
  await expect(shown).toHaveText(/^studyin_[A-Za-z0-9_-]{43}$/);
  const token = await shown.innerText();
  expect(page.url()).not.toContain(token);

  const program = await playwright.request.newContext({
    baseURL,
    extraHTTPHeaders: { Authorization: `Bearer ${token}` },
  });
  expect((await program.get("/api/materials/")).status()).toBe(200);

  await page.goto("/settings");
  await expect(section.getByText("Backup script", { exact: true })).toBeVisible();
  await expect(page.locator("body")).not.toContainText(token);
  await section.getByRole("button", { name: "Revoke Backup script" }).click();
  await expect(section.getByText("You have no tokens.")).toBeVisible();
  expect((await program.get("/api/materials/")).status()).toBe(401);
  await program.dispose();
});

test("the description of the API fits a phone and loads nothing from elsewhere", async ({ page, baseURL }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/api/docs");
  await expect(page.getByRole("heading", { name: "Search the documents" })).toBeVisible();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(390);
  expect(asked.filter((url) => !url.startsWith(baseURL ?? ""))).toEqual([]);
});
