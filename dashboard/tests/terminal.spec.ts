import type { Page } from "@playwright/test";
import type { Created, Engine } from "./engine.ts";
import { expect, openSandbox, test, typeInTerminal } from "./fixture.ts";

/** How many processes run in a sandbox by the agent's word. */
async function processesOf(engine: Engine, { sandboxID, envdAccessToken }: Created): Promise<number> {
  const response = await fetch(`${engine.url}/envd/${sandboxID}/process.Process/List`, {
    method: "POST",
    headers: { "X-Access-Token": envdAccessToken, "Content-Type": "application/json" },
    body: "{}",
  });
  return ((await response.json()) as { processes?: unknown[] }).processes?.length ?? 0;
}

async function leave(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Back to the list" }).click();
  await expect(page.getByRole("tab", { name: "terminal" })).toHaveCount(0);
}

test("a flood of output can be ended, and leaves the shell as it is", async ({ page, engine }) => {
  const sandbox = await engine.create();
  await openSandbox(page, engine, sandbox.sandboxID);
  await page.getByRole("tab", { name: "terminal" }).click();
  const screen = page.locator(".terminal .xterm-rows");
  await typeInTerminal(page, "seq 1000000000");
  await expect(screen).toContainText(/\d{6}/);
  await page.keyboard.press("Control+c");
  await expect(screen).toContainText("^C");
  await typeInTerminal(page, "echo still $((20 + 3))");
  await expect(screen).toContainText("still 23");
  await expect(page.getByText("cut off")).toHaveCount(0);
});

test("a terminal that is left while its shell starts leaves no shell", async ({ page, engine }) => {
  const sandbox = await engine.create();
  await openSandbox(page, engine, sandbox.sandboxID);
  for (let opened = 0; opened < 12; opened++) {
    await page.goto(`${engine.url}/#/sandboxes/${sandbox.sandboxID}`);
    const starts = page.waitForRequest(/process\.Process\/Start$/);
    await page.getByRole("tab", { name: "terminal" }).click();
    await starts;
    await leave(page);
  }
  // A last one, after whose shell nothing of the others is under way any more.
  await page.goto(`${engine.url}/#/sandboxes/${sandbox.sandboxID}/terminal`);
  await typeInTerminal(page, "echo last $((1 + 1))");
  await expect(page.locator(".terminal .xterm-rows")).toContainText("last 2");
  await expect.poll(() => processesOf(engine, sandbox)).toBe(1);
  await leave(page);
  await expect.poll(() => processesOf(engine, sandbox)).toBe(0);
});
