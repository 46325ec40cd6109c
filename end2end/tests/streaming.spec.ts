import { expect, test as base } from "../support/fixtures";
import { ScriptedModel } from "../support/model";
import { LIGHTHOUSE_QUESTION } from "../support/pdf";
import { Server } from "../support/server";
import { hydrated } from "../support/student";

/** These tests decide themselves when the language model says what. */
const test = base.extend<{ model: ScriptedModel; modelServer: Server }>({
  // eslint-disable-next-line no-empty-pattern
  model: async ({}, use) => {
    const model = await ScriptedModel.start();
    await use(model);
    await model.stop();
  },
  modelServer: async ({ model }, use) => {
    const server = await Server.start({
      CHAT_PROVIDER: "openai",
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_MODEL: "scripted",
    });
    await use(server);
    await server.stop();
  },
  baseURL: async ({ modelServer }, use) => use(modelServer.url),
});

test("an answer appears as it is written, and its citations are checked", async ({ student, model }) => {
  test.setTimeout(120_000);
  const { page } = student;
  await student.upload();
  await page.goto("/coach");
  await hydrated(page);
  await page.getByTestId("composer").fill(LIGHTHOUSE_QUESTION.text);
  await page.getByTestId("send").click();
  await model.asked();

  const answer = page.getByTestId("answer").first();
  model.say("The tower is made of ");
  await expect(answer).toContainText("The tower is made of");
  model.say("granite [1], and of cheese [99].");
  model.finish();

  await expect(answer.locator("a.citation")).toHaveCount(1);
  const unverified = answer.locator(".citation.unverified");
  await expect(unverified).toHaveCount(1);
  await expect(unverified).not.toHaveAttribute("href", /.*/);
});

test("what had been written before a reload is kept", async ({ student, model }) => {
  test.setTimeout(120_000);
  const { page } = student;
  await student.upload();
  await page.goto("/coach");
  await hydrated(page);
  await page.getByTestId("composer").fill(LIGHTHOUSE_QUESTION.text);
  await page.getByTestId("send").click();
  await model.asked();
  model.say("The granite tower of Varnholm ");
  await expect(page.getByTestId("answer").first()).toContainText("The granite tower of Varnholm");

  await page.reload();
  if (!/\/coach\/[0-9a-f-]+/.test(page.url())) {
    await page.getByRole("link", { name: /How tall is the tower/ }).first().click();
  }
  await expect(page.getByText(LIGHTHOUSE_QUESTION.text).first()).toBeVisible();
  await expect(page.getByTestId("answer").first()).toContainText("The granite tower of Varnholm");
});
