import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import type { AxeResults } from "axe-core";
import { expect, openSandbox, rowOf, test, typeInTerminal } from "./fixture.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong, in words that say where. */
async function problemsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  );
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html} ${any[0]?.message}`),
  );
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });

    test("axe has nothing to say of the sign-in form", async ({ page, engine }) => {
      await page.goto(`${engine.url}/#key=sk-wrong`);
      await expect(page.getByText("The engine refused this key.")).toBeVisible();
      expect(await problemsOf(page)).toEqual([]);
    });

    test("axe has nothing to say of the list, empty and full", async ({ page, engine }) => {
      await page.goto(engine.page);
      await expect(page.getByRole("heading", { name: "No sandboxes yet" })).toBeVisible();
      expect(await problemsOf(page)).toEqual([]);
      engine.addTemplate("tpl-broken", 'start_command = "exit 3"\n');
      await engine.create({ templateID: "tpl-broken" });
      const { sandboxID } = await engine.create({ metadata: { app: "web" } });
      await engine.call("POST", `/sandboxes/${sandboxID}/pause`);
      const running = await engine.create();
      await expect(rowOf(page, sandboxID)).toContainText("paused");
      await expect(rowOf(page, running.sandboxID)).toContainText("running");
      expect(await problemsOf(page)).toEqual([]);
    });

    test("axe has nothing to say of a sandbox: overview, logs, terminal, dialogs", async ({ page, engine }) => {
      engine.addTemplate("tpl-broken", 'start_command = "exit 3"\n');
      const failed = await engine.create({ templateID: "tpl-broken" });
      await openSandbox(page, engine, failed.sandboxID);
      await expect(page.getByRole("region", { name: "start_command_failed" })).toBeVisible();
      expect(await problemsOf(page)).toEqual([]);
      const { sandboxID } = await engine.create({ metadata: { app: "web" } });
      await rowOf(page, sandboxID).click();
      await expect(page.getByRole("img", { name: /^Memory: \d/ }).locator("canvas")).toBeVisible();
      await page.getByText("All steps as a table").click();
      expect(await problemsOf(page)).toEqual([]);
      await page.getByRole("button", { name: "Extend" }).click();
      expect(await problemsOf(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      expect(await problemsOf(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("tab", { name: "logs" }).click();
      await expect(page.getByRole("region", { name: "Log" })).toContainText("ready");
      expect(await problemsOf(page)).toEqual([]);
      await page.getByRole("tab", { name: "terminal" }).click();
      await typeInTerminal(page, "echo done");
      expect(await problemsOf(page)).toEqual([]);
    });
  });
}

test("all of it works by the keyboard alone", async ({ page, engine }) => {
  await page.goto(engine.url);
  await page.keyboard.type(engine.key);
  await page.keyboard.press("Enter");
  await expect(page.getByText("No sandboxes yet")).toBeVisible();
  const first = await engine.create({ metadata: { app: "first" } });
  const second = await engine.create({ metadata: { app: "second" } });
  await expect(page.getByRole("row")).toHaveCount(3);

  await page.keyboard.press("Control+k");
  await page.keyboard.type("app=");
  await page.keyboard.press("ArrowDown");
  const grid = page.getByRole("grid");
  await expect(grid).toBeFocused();
  await expect(grid).toHaveAttribute("aria-activedescendant", `row-${second.sandboxID}`);
  await page.keyboard.press("ArrowDown");
  await expect(grid).toHaveAttribute("aria-activedescendant", `row-${first.sandboxID}`);
  await page.keyboard.press("p");
  await expect(rowOf(page, first.sandboxID)).toContainText("paused");
  await page.keyboard.press("p");
  await expect(rowOf(page, first.sandboxID)).toContainText("running");

  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: first.sandboxID })).toBeFocused();
  for (const tab of ["overview", "logs", "terminal"]) {
    if (tab === "overview") await tabUntil(page, page.getByRole("tab", { name: tab }));
    else await page.keyboard.press("ArrowRight");
    await expect(page.getByRole("tab", { name: tab, selected: true })).toBeVisible();
  }
  await typeInTerminal(page, "echo typed $((1 + 1))");
  await expect(page.locator(".xterm-rows")).toContainText("typed 2");
  await page.keyboard.press("Control+]");
  await expect(page.getByRole("tab", { name: "terminal" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(grid).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(page.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(rowOf(page, first.sandboxID)).toHaveCount(0);
});

test.describe("on a narrow screen", () => {
  test.use({ viewport: { width: 390, height: 780 } });

  test("nothing is wider than the screen, and a sandbox covers the list", async ({ page, engine }) => {
    const { sandboxID } = await engine.create({ metadata: { app: "web", description: "a long one ".repeat(20) } });
    await openSandbox(page, engine, sandboxID);
    await expect(page.getByRole("grid")).toBeHidden();
    for (const tab of ["overview", "logs", "terminal"]) {
      await page.getByRole("tab", { name: tab }).click();
      await expect(page.getByRole("tabpanel", { name: tab })).toBeVisible();
      expect(await widthOf(page)).toBeLessThanOrEqual(390);
    }
    await page.getByRole("button", { name: "Back to the list" }).click();
    await expect(rowOf(page, sandboxID)).toBeVisible();
    expect(await widthOf(page)).toBeLessThanOrEqual(390);
  });
});

test("the theme can be chosen, and is remembered", async ({ page, engine }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(engine.page);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Theme: system" }).click();
  await page.getByRole("button", { name: "Theme: light" }).click();
  await expect(page.getByRole("button", { name: "Theme: dark" })).toBeVisible();
  expect(await ground()).not.toBe(light);
  await page.reload();
  await expect(page.getByRole("button", { name: "Theme: dark" })).toBeVisible();
  expect(await ground()).not.toBe(light);
});

test("nothing moves for who wants less motion", async ({ page, engine }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  engine.addTemplate("tpl-slow", 'ready_command = "false"\n');
  const { sandboxID } = await engine.create({ templateID: "tpl-slow", waitReady: false });
  await openSandbox(page, engine, sandboxID);
  await expect(rowOf(page, sandboxID)).toContainText("starting");
  const moving = await page.evaluate(() => document.getAnimations().length);
  expect(moving).toBe(0);
});

async function tabUntil(page: Page, target: ReturnType<Page["locator"]>): Promise<void> {
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("the Tab key does not lead there");
}

function widthOf(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth);
}
