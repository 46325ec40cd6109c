import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "../support/fixtures";
import { hydrated } from "../support/student";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../target/screenshots");
const WIDTHS = { 390: 844, 1280: 860 };

test("picture every page", async ({ student, browser, baseURL }) => {
  const { page } = student;
  await page.goto("/library");
  await hydrated(page);
  await page.getByRole("button", { name: /sample/i }).first().click();
  await expect(page.getByTestId("material-state").first()).toHaveAttribute("data-stage", "ready", { timeout: 45_000 });
  const answer = await student.ask("What does cardiac output depend on, and what is a normal value?");
  const cited = (await answer.locator("a.citation").first().getAttribute("href")) ?? "/library";
  await expect(page).toHaveURL(/\/coach\/[0-9a-f-]+/);
  const conversation = new URL(page.url()).pathname;

  const pages = {
    home: "/",
    library: "/library",
    reader: cited,
    coach: conversation,
    analytics: "/analytics",
    settings: "/settings",
    cache: "/admin/cache",
    performance: "/admin/performance",
    docs: "/api/docs",
  };
  const visitorPages = { welcome: "/", login: "/login", signup: "/signup" };

  const visitor = await browser.newContext({ baseURL, locale: "en-GB" });
  const visitorPage = await visitor.newPage();
  for (const [width, height] of Object.entries(WIDTHS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      for (const [shown, list] of [
        [page, pages],
        [visitorPage, visitorPages],
      ] as const) {
        await shown.setViewportSize({ width: Number(width), height });
        await shown.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        for (const [name, path] of Object.entries(list)) {
          await shown.goto(path);
          await shown.waitForLoadState("networkidle");
          if (name === "analytics") await expect(shown.locator("main canvas, main svg").first()).toBeVisible();
          // Its charts lie below the fold.
          const fullPage = name === "analytics";
          await shown.screenshot({ path: join(FOLDER, `${name}-${width}-${colorScheme}.png`), fullPage });
        }
      }
    }
  }
  await visitor.close();
});
