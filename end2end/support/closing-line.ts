import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

/** Ends the run with one line that says how it went, whatever the other reporters print. */
export default class ClosingLine implements Reporter {
  private readonly last = new Map<string, TestResult>();

  onTestEnd(test: TestCase, result: TestResult): void {
    this.last.set(test.id, result);
  }

  onExit(): Promise<void> {
    const results = [...this.last.values()];
    const passed = results.filter((result) => result.status === "passed").length;
    const skipped = results.filter((result) => result.status === "skipped").length;
    const failed = results.length - passed - skipped;
    const tail = skipped > 0 ? `, ${skipped} skipped` : "";
    console.log(`${passed} passed, ${failed} failed${tail}`);
    return Promise.resolve();
  }

  printsToStdio(): boolean {
    return false;
  }
}
