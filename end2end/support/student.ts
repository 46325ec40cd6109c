import { type BrowserContext, expect, type Locator, type Page } from "@playwright/test";
import { LIGHTHOUSE_PAGES, pdf } from "./pdf";

export const PASSWORD = "correct horse lighthouse";

let made = 0;

/** An address nobody else has, in this run or a parallel one. */
export function newEmail(): string {
  made += 1;
  return `student-${process.pid}-${Date.now()}-${made}@example.org`;
}

/** What a student does, in her words; every step waits for what she would wait for. */
export class Student {
  constructor(
    readonly page: Page,
    readonly email: string = newEmail(),
  ) {}

  get context(): BrowserContext {
    return this.page.context();
  }

  async signUp(): Promise<this> {
    await this.page.goto("/signup");
    await this.fillCredentials("/signup");
    await this.page.locator('form[action^="/signup"] button[type="submit"]').click();
    await expect(this.page).not.toHaveURL(/\/signup/);
    return this;
  }

  async logIn(password = PASSWORD): Promise<void> {
    await this.page.goto("/login");
    await this.fillCredentials("/login", password);
    await this.page.locator('form[action^="/login"] button[type="submit"]').click();
  }

  async logOut(): Promise<void> {
    await this.page.goto("/settings");
    await this.page.locator('form[action^="/logout"] button').first().click();
    await expect(this.page).not.toHaveURL(/\/settings/);
  }

  private async fillCredentials(action: string, password = PASSWORD): Promise<void> {
    const form = this.page.locator(`form[action^="${action}"]`);
    await form.locator('input[name="email"]').fill(this.email);
    await form.locator('input[name="password"]').fill(password);
  }

  /** Uploads a document and waits until it can be searched. */
  async upload(name = "Lighthouse.pdf", pages = LIGHTHOUSE_PAGES): Promise<Locator> {
    await this.page.goto("/library");
    await hydrated(this.page);
    await this.page.getByTestId("upload-input").setInputFiles({
      name,
      mimeType: "application/pdf",
      buffer: pdf(pages),
    });
    const row = this.material(name.replace(/\.pdf$/, ""));
    await expect(row.getByTestId("material-state")).toHaveAttribute("data-stage", "ready", { timeout: 45_000 });
    return row;
  }

  material(title: string): Locator {
    return this.page.getByTestId("material-row").filter({ hasText: title });
  }

  /** Asks in the open conversation, or in a new one, and waits for the whole answer. */
  async ask(question: string): Promise<Locator> {
    if (!new URL(this.page.url()).pathname.startsWith("/coach")) await this.page.goto("/coach");
    await hydrated(this.page);
    const answers = this.page.getByTestId("answer");
    const before = await answers.count();
    await this.page.getByTestId("composer").fill(question);
    await this.page.getByTestId("send").click();
    await expect(answers).toHaveCount(before + 1);
    const answer = answers.nth(before);
    await expect(answer.locator(".citation").first()).toBeVisible({ timeout: 30_000 });
    return answer;
  }
}

/**
 * Puts the page's clock into the test's hands, from its next load on. The clock's own ids of timers do not
 * fit into 32 bits, which is how WebAssembly keeps them.
 */
export async function installClock(page: Page): Promise<void> {
  await page.clock.install();
  await page.addInitScript(() => {
    for (const kind of ["Interval", "Timeout"] as const) {
      const ids: unknown[] = [];
      const [set, clear] = [window[`set${kind}`], window[`clear${kind}`]];
      const begin = (task: () => void, ms?: number) => ids.push(set(task, ms));
      const end = (id: number) => clear(ids[id - 1] as number);
      Object.assign(window, { [`set${kind}`]: begin, [`clear${kind}`]: end });
    }
  });
}

/** Moves a tab off the screen, or on it again. */
export function show(page: Page, state: "hidden" | "visible"): Promise<void> {
  return page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}

/** Waits until the page's script has taken over from the server's HTML; some pages carry none. */
export async function hydrated(page: Page): Promise<void> {
  if ((await page.locator('link[rel="modulepreload"]').count()) === 0) return;
  await page.waitForFunction(() => document.documentElement.dataset.hydrated === "true");
}
