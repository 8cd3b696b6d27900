import { expect, rowOf, test } from "./fixture.ts";

const COUNT = 1000;
const PAGE = 100;

test("of a thousand sandboxes only those in sight are drawn, and the last is a key away", async ({ page, engine }) => {
  await page.route("**/api/v1/sandboxes?*", async (route) => {
    const token = new URL(route.request().url()).searchParams.get("nextToken") ?? "MA";
    const offset = Number(Buffer.from(token, "base64url").toString());
    const json = Array.from({ length: Math.min(PAGE, Math.max(0, COUNT - offset)) }, (_, index) =>
      sandbox(offset + index),
    );
    await route.fulfill({ json, headers: { "X-Has-Next": String(offset + PAGE < COUNT) } });
  });
  await page.goto(engine.page);
  const grid = page.getByRole("grid");
  await expect(grid).toHaveAttribute("aria-rowcount", String(COUNT + 1));
  expect(await page.getByRole("row").count()).toBeLessThan(50);
  await grid.focus();
  await page.keyboard.press("End");
  await expect(rowOf(page, "sb-0999")).toBeInViewport();
  await expect(grid).toHaveAttribute("aria-activedescendant", "row-sb-0999");
  expect(await page.getByRole("row").count()).toBeLessThan(50);
  const created = await engine.create();
  await expect(grid).toHaveAttribute("aria-rowcount", String(COUNT + 2));
  await expect(grid).toHaveAttribute("aria-activedescendant", "row-sb-0999");
  await page.keyboard.press("Home");
  await expect(rowOf(page, created.sandboxID)).toBeInViewport();
});

function sandbox(index: number) {
  const startedAt = new Date(Date.UTC(2026, 0, 1) - index * 1000).toISOString();
  return { sandboxID: `sb-${String(index).padStart(4, "0")}`, state: "running", startedAt };
}
