import { expect, rowOf, test } from "./fixture.ts";

test("without a key the page asks for it and reads nothing", async ({ page, engine }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await engine.create({ metadata: { app: "hidden" } });
  await page.goto(engine.url);
  await expect(page.getByRole("heading", { name: "Sign in to this engine" })).toBeVisible();
  expect(asked.filter((path) => !/^\/$|^\/assets\//.test(path))).toEqual([]);
});

test("a wrong key gets no data and a clear message, the right one gets in", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  const answers: number[] = [];
  page.on("response", (response) => {
    if (response.url().includes("/api/")) answers.push(response.status());
  });
  await page.goto(`${engine.url}/#key=sk-wrong`);
  await expect(page.getByText("The engine refused this key.")).toBeVisible();
  await expect(page.locator("body")).not.toContainText(sandboxID);
  expect(new Set(answers)).toEqual(new Set([401]));
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  await page.getByLabel("API key").fill(engine.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(rowOf(page, sandboxID)).toBeVisible();
});

test("the key of the address is removed from it at once, and kept for this tab alone", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await page.goto(engine.page);
  await expect(rowOf(page, sandboxID)).toBeVisible();
  expect(page.url()).toBe(`${engine.url}/`);
  await page.reload();
  await expect(rowOf(page, sandboxID)).toBeVisible();
  const other = await page.context().newPage();
  await other.goto(engine.url);
  await expect(other.getByLabel("API key")).toBeVisible();
});

test("signing out forgets the key and what was shown", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await page.goto(engine.page);
  await expect(rowOf(page, sandboxID)).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("API key")).toBeFocused();
  await expect(page.locator("body")).not.toContainText(sandboxID);
  expect(await page.evaluate(() => JSON.stringify([sessionStorage, localStorage]))).not.toContain(engine.key);
});
