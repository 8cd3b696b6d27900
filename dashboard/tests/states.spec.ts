import type { Page } from "@playwright/test";
import { expect, openSandbox, rowOf, test } from "./fixture.ts";

test("a failed sandbox shows why, and what to do", async ({ page, engine }) => {
  engine.addTemplate("tpl-broken", 'start_command = "echo no such module; exit 3"\n');
  const { sandboxID } = await engine.create({ templateID: "tpl-broken" });
  await openSandbox(page, engine, sandboxID);
  const diagnostic = page.getByRole("region", { name: "start_command_failed" });
  await expect(diagnostic).toContainText("exit code 3");
  await expect(diagnostic).toContainText("What to do:");
  await expect(rowOf(page, sandboxID)).toContainText("failed");
});

test("its timeline is a chart, and a table for who can't see it", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await openSandbox(page, engine, sandboxID);
  await expect(page.getByRole("img", { name: /^States so far: starting .*, running / })).toBeVisible();
  await expect(page.getByRole("figure", { name: "Latest start" })).toContainText(/agent.* ms/);
  await page.getByText("All steps as a table").click();
  await expect(page.getByRole("row", { name: /^ready completed/ })).toBeVisible();
});

test("an empty engine teaches how to create a sandbox", async ({ page, engine }) => {
  await page.goto(engine.page);
  await expect(page.getByText("sandbar create base")).toBeVisible();
  await expect(page.getByText("await Sandbox.create")).toBeVisible();
  await expect(page.getByText(`SEACLOUD_BASE_URL=${engine.url}`)).toBeVisible();
  await expect(page.locator("body")).not.toContainText(engine.key);
});

test("a state that the page does not know is shown as it comes", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await page.route("**/api/v1/sandboxes?*", async (route) => {
    const response = await route.fetch();
    const list = (await response.json()) as object[];
    await route.fulfill({ response, json: list.map((sandbox) => ({ ...sandbox, state: "migrating" })) });
  });
  await page.goto(engine.page);
  await expect(rowOf(page, sandboxID)).toContainText("migrating");
});

test("an engine that is gone is told, and found again when it is back", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await page.goto(engine.page);
  await expect(rowOf(page, sandboxID)).toContainText("running");
  await engine.stop();
  await expect(page.getByRole("alert").filter({ hasText: "The engine does not answer." })).toBeVisible();
  await expect(rowOf(page, sandboxID)).toBeVisible();
  await engine.start();
  await expect(page.getByText("The engine does not answer.")).toBeHidden();
  const later = await engine.create();
  await expect(rowOf(page, later.sandboxID)).toContainText("running");
});

test("a page that is hidden for long leaves its connection to others, and is up to date when it is shown", async ({
  page,
  engine,
}) => {
  await page.clock.install();
  const { sandboxID } = await engine.create();
  await page.goto(engine.page);
  await expect(rowOf(page, sandboxID)).toContainText("running");
  const given = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/events"));
  await setHidden(page, true);
  await page.clock.runFor(31_000);
  await given;
  await engine.call("POST", `/sandboxes/${sandboxID}/pause`);
  await setHidden(page, false);
  await expect(rowOf(page, sandboxID)).toContainText("paused");
});

test("the header has the limits, and what the summary warns of", async ({ page, engine }) => {
  await engine.create();
  await page.route("**/observability/summary", async (route) => {
    const response = await route.fetch();
    const check = { status: "warning", metric: "sandboxes", message: "8,100 of 10,000 sandboxes are there" };
    const action = { status: "review", message: "delete sandboxes that you no longer need" };
    await route.fulfill({ response, json: { ...(await response.json()), checks: [check], actions: [action] } });
  });
  await page.goto(engine.page);
  await expect(page.getByRole("banner")).toContainText("1 / 10,000");
  await expect(page.getByText("8,100 of 10,000 sandboxes are there")).toBeVisible();
  await expect(page.getByText("delete sandboxes that you no longer need")).toBeVisible();
});

/** Another tab is looked at, or this one again. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}
