import { defineConfig } from "@playwright/test";
import base from "./playwright.config";

export default defineConfig(base, {
  testDir: "./screenshots",
  outputDir: "./test-results/screenshots",
  reporter: [["line"]],
  timeout: 180_000,
});
