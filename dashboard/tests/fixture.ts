import { test as base, expect, type Page } from "@playwright/test";
import { Engine } from "./engine.ts";

export { expect };

/** Each test has an engine of its own, and no page of it may break the policy or have an error that nobody caught. */
export const test = base.extend<{ engine: Engine }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs out of its parameters.
  engine: async ({}, use) => {
    const engine = new Engine();
    try {
      await engine.start();
      await use(engine);
    } finally {
      await engine.end();
    }
  },
  page: async ({ page }, use) => {
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      if (/Content.Security.Policy/i.test(message.text())) faults.push(message.text());
    });
    await use(page);
    expect(faults).toEqual([]);
  },
});

/** The list's row of a sandbox. */
export function rowOf(page: Page, id: string) {
  return page.getByRole("row").filter({ hasText: id });
}

/** Opens the page of one sandbox. */
export async function openSandbox(page: Page, engine: Engine, id: string): Promise<void> {
  await page.goto(engine.page);
  await rowOf(page, id).click();
  await expect(page.getByRole("heading", { name: id })).toBeVisible();
}

/** Types a line into the terminal, once the shell has asked for one. */
export async function typeInTerminal(page: Page, line: string): Promise<void> {
  const screen = page.locator(".terminal .xterm-rows");
  await expect(screen).toContainText(/[#$] /);
  await page.locator(".terminal textarea").focus();
  await page.keyboard.type(`${line}\n`);
}
