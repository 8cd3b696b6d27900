import type { Locator } from "@playwright/test";
import { expect, openSandbox, rowOf, test } from "./fixture.ts";

test.describe("at 768 px", () => {
  test.use({ viewport: { width: 768, height: 800 } });

  test("nothing of the header overlaps, and metadata can be read", async ({ page, engine }) => {
    const metadata = { app: "web-frontend", owner: "team-platform", run: "nightly-17" };
    const { sandboxID } = await engine.create({ metadata });
    await page.goto(engine.page);
    const row = rowOf(page, sandboxID);
    await expect(row).toContainText("running");
    await expect(page.locator(".meter")).toHaveCount(3);
    const parts = await boxesOf(page.locator(".brand, .health, .meter, .top-buttons"));
    for (const [place, one] of parts.entries()) {
      for (const other of parts.slice(place + 1)) expect(overlap(one, other), JSON.stringify([one, other])).toBe(false);
    }
    for (const pair of await row.locator(".pair").all()) expect(await isCut(pair)).toBe(false);
  });
});

test("the open sandbox is marked and in sight, however it was opened", async ({ page, engine }) => {
  const oldest = await engine.create({ waitReady: false });
  for (let number = 0; number < 30; number++) await engine.create({ waitReady: false });
  await page.goto(engine.page);
  await expect(page.getByRole("grid")).toHaveAttribute("aria-rowcount", "32");
  const row = rowOf(page, oldest.sandboxID);
  await expect(row).toHaveCount(0);
  await page.goto(`${engine.url}/#/sandboxes/${oldest.sandboxID}`);
  await expect(page.getByRole("heading", { name: oldest.sandboxID })).toBeVisible();
  await expect(row).toBeInViewport();
  await expect(row).toHaveAttribute("aria-selected", "true");
  const mark = () => row.evaluate((element) => getComputedStyle(element).boxShadow);
  expect(await mark()).not.toBe("none");
  await page.getByRole("button", { name: "Back to the list" }).click();
  await expect(page.getByRole("grid")).not.toHaveClass(/is-narrow/);
  await expect(row).toBeInViewport();
  expect(await mark()).toBe("none");
});

for (const chosen of ["light", "dark"] as const) {
  test(`every state can be read in the theme ${chosen}, also of the open sandbox`, async ({ page, engine }) => {
    // The other one is the system's.
    await page.emulateMedia({ colorScheme: chosen === "light" ? "dark" : "light" });
    await page.addInitScript((theme) => localStorage.setItem("sandbar-theme", theme), chosen);
    const states = ["running", "starting", "paused", "failed", "deleted", "something-new"];
    const list = states.map((state) => ({ sandboxID: `sb-${state}`, state, startedAt: "2026-01-01T00:00:00Z" }));
    await page.route("**/api/v1/sandboxes?*", (route) =>
      route.fulfill({ json: list, headers: { "X-Has-Next": "false" } }),
    );
    await page.goto(engine.page);
    for (const state of states.filter((name) => name !== "deleted")) {
      const row = rowOf(page, `sb-${state}`);
      expect(await contrastOf(row.locator(".state"), row), state).toBeGreaterThanOrEqual(4.5);
      await row.click();
      await expect(row).toHaveAttribute("aria-selected", "true");
      expect(await contrastOf(row.locator(".state"), row), `${state}, open`).toBeGreaterThanOrEqual(4.5);
    }
  });
}

test("metrics have no card for what is not measured, and small ones for what is", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await page.route("**/metrics", (route) => {
    const collectedAt = new Date().toISOString();
    return route.fulfill({
      json: { sandboxID, collectedAt, cpuUserRate: 0.1, memoryUsagePercent: 3, taskCurrent: null },
    });
  });
  await openSandbox(page, engine, sandboxID);
  await expect(page.locator(".metric b").first()).not.toHaveText("–");
  await expect(page.locator(".metric-name")).toHaveText(["CPU", "Memory"]);
  for (const { height } of await boxesOf(page.locator(".metric"))) expect(height).toBeLessThan(70);
});

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

async function boxesOf(parts: Locator): Promise<Box[]> {
  const boxes = await Promise.all((await parts.all()).map((part) => part.boundingBox()));
  return boxes.filter((box) => box !== null);
}

function overlap(one: Box, other: Box): boolean {
  const apart = (a: number, length: number, b: number, otherLength: number) => a + length <= b || b + otherLength <= a;
  return !apart(one.x, one.width, other.x, other.width) && !apart(one.y, one.height, other.y, other.height);
}

function isCut(part: Locator): Promise<boolean> {
  return part.evaluate((element) => element.scrollWidth > element.clientWidth);
}

/** The contrast of a text on the ground of a row, as WCAG counts it. */
async function contrastOf(text: Locator, row: Locator): Promise<number> {
  const [colour, ground] = await Promise.all([
    text.evaluate((element) => getComputedStyle(element).color),
    row.evaluate((element) => getComputedStyle(element).backgroundColor),
  ]);
  const [dark, light] = [colour, ground].map(luminance).sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
