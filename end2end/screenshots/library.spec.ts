import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "../support/fixtures";
import { chroniclePages, LIGHTHOUSE_PAGES, pdf } from "../support/pdf";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../target/screenshots");
const WIDTHS = { 390: 844, 1280: 860 };
/** Enough to be still at work when the last picture is taken. */
const LONG_PAGES = 3_000;

test("picture the library at work", async ({ student }) => {
  const { page } = student;
  await student.upload("The lighthouse of Varnholm, its keepers and its storms.pdf", LIGHTHOUSE_PAGES);
  await page.setViewportSize({ width: 1280, height: 860 });
  // A document that wants a password, when there is one at hand.
  const locked = process.env.LOCKED_PDF;
  if (locked) {
    await page.getByTestId("upload-input").setInputFiles(locked);
    await expect(page.getByLabel("Password of this document")).toBeVisible();
  }
  await page.getByTestId("upload-input").setInputFiles([
    { name: "Empty notes.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
    { name: "Damaged.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4\nnothing that could be read") },
    { name: "Annals of Ostervik.pdf", mimeType: "application/pdf", buffer: pdf(chroniclePages(LONG_PAGES)) },
    { name: "Annals, second volume.pdf", mimeType: "application/pdf", buffer: pdf(chroniclePages(LONG_PAGES + 1)) },
  ]);
  await expect(page.getByTestId("material-row")).toHaveCount(locked ? 5 : 4);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400_000 });
  await page.getByTestId("upload-input").setInputFiles([
    { name: "Empty notes.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
    { name: "Large scan of a whole chapter.pdf", mimeType: "application/pdf", buffer: pdf(["One page."], 16_000_000) },
    { name: "Another.md", mimeType: "text/markdown", buffer: Buffer.from("# Another") },
  ]);
  await expect(page.locator(".uploads progress")).toBeVisible();
  await page.getByRole("button", { name: "Pause Another.md" }).click();
  await expect(page.getByTestId("reading-together")).toBeVisible();

  for (const [width, height] of Object.entries(WIDTHS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width: Number(width), height });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: join(FOLDER, `library-at-work-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
});
