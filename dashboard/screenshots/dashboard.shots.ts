import path from "node:path";
import type { Page } from "@playwright/test";
import type { Created, Engine } from "../tests/engine.ts";
import { expect, openSandbox, rowOf, test, typeInTerminal } from "../tests/fixture.ts";

const IMAGES = path.join(import.meta.dirname, "..", "..", "docs", "images");
/** So that metrics have something to draw. */
const WORK_MS = 24_000;
const BUSY =
  "i=0; while :; do i=$((i+1)); echo step $i: fetched page $i of 400; [ $((i%7)) = 0 ] && echo slow answer, trying again >&2; j=0; while [ $j -lt $((i%9*40000)) ]; do j=$((j+1)); done; head -c $((i%5*4))M /dev/zero > page; sleep 0.5; done";

test.use({ viewport: { width: 1280, height: 780 } });

test("running", async ({ page, engine }) => {
  test.slow();
  const { busy } = await aDaysWork(engine);
  await openSandbox(page, engine, busy.sandboxID);
  engine.run(busy, BUSY);
  await expect(page.getByRole("img", { name: /^Memory: \d/ }).locator("canvas")).toBeVisible();
  await page.waitForTimeout(WORK_MS);
  await shoot(page, "running");
});

test("failed", async ({ page, engine }) => {
  const { failed } = await aDaysWork(engine);
  await openSandbox(page, engine, failed.sandboxID);
  await expect(page.getByText("What to do:")).toBeVisible();
  await page.getByText("All steps as a table").click();
  await shoot(page, "failed");
});

test("empty", async ({ page, engine }) => {
  await page.goto(engine.page);
  await expect(page.getByRole("heading", { name: "No sandboxes yet" })).toBeVisible();
  await expect(page.getByRole("banner")).toContainText("0 / 10,000");
  await shoot(page, "empty");
});

test.describe("in the dark", () => {
  test.use({ colorScheme: "dark" });

  test("dark", async ({ page, engine }) => {
    const { busy } = await aDaysWork(engine);
    await openSandbox(page, engine, busy.sandboxID);
    await page.getByRole("tab", { name: "terminal" }).click();
    await typeInTerminal(page, "uname -sm; ls --color=always -la /; df -h /root | tail -1");
    await expect(page.locator(".terminal .xterm-rows")).toContainText("/root");
    await shoot(page, "dark");
  });
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 760 }, deviceScaleFactor: 2 });

  test("narrow", async ({ page, engine }) => {
    const { paused } = await aDaysWork(engine);
    await page.goto(engine.page);
    await expect(rowOf(page, paused.sandboxID)).toContainText("paused");
    await shoot(page, "narrow");
  });
});

/** Sandboxes as a team may have them. */
async function aDaysWork(engine: Engine): Promise<{ busy: Created; paused: Created; failed: Created }> {
  engine.addTemplate("tpl-web", 'start_command = "echo server.js: PORT is not set >&2; exit 2"\nmemory_mb = 256\n');
  engine.addTemplate("tpl-slow", 'ready_command = "false"\n');
  for (const run of ["311", "312", "313"]) {
    await engine.create({ timeout: 3600, metadata: { app: "tests", run } });
  }
  const paused = await engine.create({ autoPause: true, metadata: { app: "notebook", user: "mia" } });
  await engine.call("POST", `/sandboxes/${paused.sandboxID}/pause`);
  const failed = await engine.create({ templateID: "tpl-web", metadata: { app: "shop", branch: "checkout" } });
  await engine.create({ templateID: "tpl-slow", waitReady: false, metadata: { app: "crawler", run: "9" } });
  await engine.create({ timeout: 120, metadata: { app: "agent", task: "summary" } });
  const busy = await engine.create({ timeout: 5400, metadata: { app: "crawler", run: "8", owner: "data" } });
  return { busy, paused, failed };
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: path.join(IMAGES, `dashboard-${name}.png`), animations: "disabled" });
}
