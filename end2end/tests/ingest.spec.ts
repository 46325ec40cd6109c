import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "../support/fixtures";
import { chroniclePages, LIGHTHOUSE_PAGES, LIGHTHOUSE_QUESTION, pdf } from "../support/pdf";
import { hydrated, type Student } from "../support/student";

/** A document large enough to be seen while it is read, on any machine. */
const LONG_PAGES = 600;
/** Bytes of a piece, as the page's script sends them. */
const PIECE_BYTES = 4 * 1024 * 1024;

interface Made {
  name: string;
  bytes: Buffer;
}

async function library(student: Student): Promise<Page> {
  const { page } = student;
  await page.goto("/library");
  await hydrated(page);
  return page;
}

/** Drops files as a page's script can make a drop: without the browser's own entries. */
async function drop(page: Page, files: Made[]): Promise<void> {
  const data = await page.evaluateHandle(
    (files) => {
      const transfer = new DataTransfer();
      for (const { name, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
      }
      return transfer;
    },
    files.map(({ name, bytes }) => ({ name, base64: bytes.toString("base64") })),
  );
  const area = page.locator("form.drop");
  await area.dispatchEvent("dragenter", { dataTransfer: data });
  await area.dispatchEvent("dragover", { dataTransfer: data });
  await area.dispatchEvent("drop", { dataTransfer: data });
}

/** Drops files and folders of the disk, as a student's own drag does. */
async function dropFromDisk(page: Page, paths: string[]): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const box = await page.locator("form.drop").boundingBox();
  if (!box) throw new Error("the upload area is not there");
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await devtools.send("Input.dispatchDragEvent", { type, ...at, data });
  }
  await devtools.detach();
}

const stage = (row: Locator): Locator => row.getByTestId("material-state");

test("three files are dragged in: live progress, one is stopped and read again, one is cited", async ({ student }) => {
  test.setTimeout(180_000);
  const page = await library(student);
  await drop(page, [
    { name: "Chronicle.pdf", bytes: pdf(chroniclePages(LONG_PAGES)) },
    { name: "Lighthouse.pdf", bytes: pdf(LIGHTHOUSE_PAGES) },
    { name: "Notes.txt", bytes: Buffer.from("The harbour school of Varnholm opened in 1880.") },
  ]);
  const chronicle = student.material("Chronicle");
  const lighthouse = student.material("Lighthouse");
  const notes = student.material("Notes");
  await expect(stage(chronicle)).toHaveAttribute("data-stage", /reading|embedding/);
  await expect(stage(chronicle)).toContainText(/page \d+ of 600|searchable/);
  await expect(page.getByTestId("reading-together")).toContainText(/\d of 3 documents/);

  await chronicle.getByRole("button", { name: "Stop" }).click();
  await expect(stage(chronicle)).toHaveAttribute("data-stage", "failed");
  await expect(stage(chronicle)).toContainText("Stopped");
  for (const row of [lighthouse, notes]) {
    await expect(stage(row)).toHaveAttribute("data-stage", "ready", { timeout: 60_000 });
  }

  await chronicle.getByRole("button", { name: "Try again" }).click();
  await expect(stage(chronicle)).toHaveAttribute("data-stage", /queued|reading|embedding/);
  // Pages can be read before the last one is.
  await chronicle.getByRole("link", { name: /^(Read \d+ pages? so far|Open it)$/ }).click();
  await expect(page.getByText("chronicler of Ostervik").first()).toBeVisible();

  const answer = await student.ask(LIGHTHOUSE_QUESTION.text);
  await answer.locator("a.citation").first().click();
  await expect(page).toHaveURL(new RegExp(`/library/[0-9a-f-]+\\?page=${LIGHTHOUSE_QUESTION.page}&`));
  await expect(page.locator("mark").first()).toBeInViewport();

  await library(student);
  await chronicle.getByText("Delete", { exact: true }).first().click();
  await chronicle.getByRole("button", { name: /^Delete “Chronicle”/ }).click();
  await expect(chronicle).toHaveCount(0);
});

test("an upload survives a reload in its middle and goes on from there", async ({ student }) => {
  test.setTimeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), "studyin-upload-"));
  const file = join(folder, "Lighthouse.pdf");
  await writeFile(file, pdf(LIGHTHOUSE_PAGES, 3 * PIECE_BYTES));
  const page = await library(student);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const speed = (bytesPerSecond: number): Promise<unknown> =>
    devtools.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: bytesPerSecond,
    });
  await speed(2_000_000);
  const first = page.waitForResponse((answer) => answer.request().method() === "PATCH" && answer.status() === 204);
  await page.getByTestId("upload-input").setInputFiles(file);
  await first;
  await page.reload();
  await hydrated(page);

  const line = page.getByTestId("upload-line");
  await expect(line).toContainText("Lighthouse.pdf");
  await expect(line).toContainText("Choose the same file again");
  await speed(-1);
  const asked = page.waitForRequest((request) => request.method() === "PATCH");
  await page.getByTestId("upload-input").setInputFiles(file);
  expect(Number((await asked).headers()["upload-offset"])).toBeGreaterThanOrEqual(PIECE_BYTES);
  await expect(stage(student.material("Lighthouse"))).toHaveAttribute("data-stage", "ready", { timeout: 60_000 });
  await expect(line).toHaveCount(0);
  await rm(folder, { recursive: true });
});

test("an upload can be paused, resumed and removed", async ({ student }) => {
  test.setTimeout(120_000);
  const page = await library(student);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const speed = (bytesPerSecond: number): Promise<unknown> =>
    devtools.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: bytesPerSecond,
    });
  await speed(1_000_000);
  await page.getByTestId("upload-input").setInputFiles([
    { name: "Lighthouse.pdf", mimeType: "application/pdf", buffer: pdf(LIGHTHOUSE_PAGES, PIECE_BYTES) },
    { name: "Unwanted.pdf", mimeType: "application/pdf", buffer: pdf(["Nobody wants this page."], PIECE_BYTES) },
  ]);
  const line = (name: string): Locator => page.getByTestId("upload-line").filter({ hasText: name });
  await expect(line("Lighthouse").locator("progress")).toBeVisible();
  await page.getByRole("button", { name: "Pause all" }).click();
  await expect(line("Lighthouse")).toContainText("Paused");
  await expect(line("Unwanted")).toContainText("Paused");
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical")).toEqual([]);
  await line("Unwanted").getByRole("button", { name: /^Remove/ }).click();
  await expect(line("Unwanted")).toHaveCount(0);
  await speed(-1);
  await line("Lighthouse").getByRole("button", { name: /^Resume/ }).click();
  await expect(stage(student.material("Lighthouse"))).toHaveAttribute("data-stage", "ready", { timeout: 60_000 });
  await expect(page.getByTestId("material-row")).toHaveCount(1);
  const desk = (await (await page.request.get("/api/uploads", { headers: { "sec-fetch-site": "same-origin" } })).json()) as {
    unfinished: unknown[];
  };
  expect(desk.unfinished).toEqual([]);
});

test("a whole folder is taken in, but for what is no document", async ({ student }) => {
  test.setTimeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), "studyin-folder-"));
  const semester = join(folder, "Semester");
  await mkdir(join(semester, "Week 2", "Reading"), { recursive: true });
  await writeFile(join(semester, "Plan.md"), "# Plan\n\nThe exam on harbours is in March.");
  await writeFile(join(semester, "Week 2", "Reading", "Lighthouse.pdf"), pdf(LIGHTHOUSE_PAGES));
  await writeFile(join(semester, "Week 2", "music.mp3"), "not a document");
  await writeFile(join(semester, ".DS_Store"), "hidden");

  const page = await library(student);
  await dropFromDisk(page, [semester]);
  await expect(page.getByText("1 file of the folder left out")).toBeVisible();
  for (const title of ["Plan", "Lighthouse"]) {
    await expect(stage(student.material(title))).toHaveAttribute("data-stage", "ready", { timeout: 60_000 });
  }
  await expect(page.getByTestId("material-row")).toHaveCount(2);

  await page.getByTestId("folder-input").setInputFiles(semester);
  await expect(page.getByTestId("upload-line").filter({ hasText: "Already in your library" })).toHaveCount(2);
  await expect(page.getByTestId("material-row")).toHaveCount(2);
  await rm(folder, { recursive: true });
});

test("what cannot be taken is said before anything is sent", async ({ student }) => {
  const page = await library(student);
  const sent: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") sent.push(request.url());
  });
  await page.getByTestId("upload-input").setInputFiles([{ name: "Empty.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(0) }]);
  const line = page.getByTestId("upload-line");
  await expect(line).toContainText("is empty");
  expect(sent).toEqual([]);
  await line.getByRole("button", { name: "Dismiss Empty.pdf" }).click();
  await expect(line).toHaveCount(0);
});

test("the sample is offered until it is there", async ({ student }) => {
  const page = await library(student);
  await page.getByRole("button", { name: /sample/i }).click();
  await expect(stage(student.material("Cardiac output"))).toHaveAttribute("data-stage", "ready", { timeout: 45_000 });
  await expect(page.getByRole("button", { name: /sample/i })).toHaveCount(0);
  await page.reload();
  await hydrated(page);
  await expect(page.getByRole("button", { name: /sample/i })).toHaveCount(0);
});

test.describe("a row", () => {
  // What the worker lets through to the network is told twice, and cannot be held up.
  test.use({ serviceWorkers: "block" });

  test("has its form when it is unfolded, also before the page is awake", async ({ student }) => {
    const { page } = student;
    await student.upload();
    let wake = (): void => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    await page.route("**/*.wasm", async (route) => {
      await asleep;
      await route.continue();
    });
    await page.goto("/library");
    const row = student.material("Lighthouse");
    await row.getByText("Rename", { exact: true }).click();
    await expect(row.locator("details[open]")).toHaveCount(1);
    await expect(page.locator(".row-actions input[type=text]")).toHaveCount(0);
    wake();
    await row.getByLabel("New title").fill("Beacon");
    await row.getByRole("button", { name: "Rename" }).click();
    await expect(student.material("Beacon")).toBeVisible();
    await expect(page.locator(".row-actions input[type=text]")).toHaveCount(1);
  });
});
