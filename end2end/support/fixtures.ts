import { expect, type Page, test as base } from "@playwright/test";
import { Server } from "./server";
import { Student } from "./student";

interface Fixtures {
  /** A student with a fresh account, signed in on `page`. */
  student: Student;
  /** Makes further students, each in a browser of her own. */
  another: () => Promise<Student>;
  /** Console messages a test expects, as patterns; any other error fails it. */
  expectedErrors: RegExp[];
}

interface WorkerFixtures {
  server: Server;
}

/** `test` with a running server, students, and no patience for errors in the console. */
export const test = base.extend<Fixtures, WorkerFixtures>({
  server: [
    // Playwright reads the fixtures a fixture wants from this pattern, so it must be there.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker", timeout: 90_000 },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  expectedErrors: [[], { option: true }],

  context: async ({ context, baseURL, expectedErrors }, use) => {
    const problems = watch(context, baseURL ?? "", expectedErrors);
    await use(context);
    expect(problems, "errors in the browser").toEqual([]);
  },

  student: async ({ page }, use) => use(await new Student(page).signUp()),

  another: async ({ browser, baseURL, expectedErrors }, use) => {
    const opened: { close: () => Promise<void>; problems: string[] }[] = [];
    await use(async () => {
      const context = await browser.newContext({ baseURL, locale: "en-GB", timezoneId: "Europe/Berlin" });
      opened.push({ close: () => context.close(), problems: watch(context, baseURL ?? "", expectedErrors) });
      return new Student(await context.newPage()).signUp();
    });
    for (const { close, problems } of opened) {
      await close();
      expect(problems, "errors in the browser").toEqual([]);
    }
  },
});

/** The same with a server of each test's own, whose first student is its owner. */
export const testAsOwner = test.extend<{ ownServer: Server }>({
  // eslint-disable-next-line no-empty-pattern
  ownServer: async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.stop();
  },
  baseURL: async ({ ownServer }, use) => use(ownServer.url),
});

export { expect };

/** Collects console errors (CSP violations among them), exceptions, and requests to other sites. */
function watch(context: Page["context"] extends () => infer C ? C : never, origin: string, expected: RegExp[]): string[] {
  const problems: string[] = [];
  const note = (problem: string): void => {
    if (!expected.some((pattern) => pattern.test(problem))) problems.push(problem);
  };
  context.on("console", (message) => {
    if (message.type() === "error") note(`${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => note(String(error.error())));
  context.on("request", (request) => {
    const url = request.url();
    if (/^https?:/.test(url) && !url.startsWith(`${origin}/`)) note(`request to another site: ${url}`);
  });
  return problems;
}
