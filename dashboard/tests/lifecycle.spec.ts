import { expect, openSandbox, rowOf, test, typeInTerminal } from "./fixture.ts";

test("a sandbox that the command line creates appears by itself, and goes when it is deleted", async ({
  page,
  engine,
}) => {
  await page.goto(engine.page);
  await expect(page.getByRole("heading", { name: "No sandboxes yet" })).toBeVisible();
  const sandboxID = await engine.command("create", "base", "--metadata", "app=shop");
  await expect(rowOf(page, sandboxID)).toContainText("running");
  await expect(rowOf(page, sandboxID)).toContainText("app=shop");
  await engine.command("pause", sandboxID);
  await expect(rowOf(page, sandboxID)).toContainText("paused");
  await engine.command("rm", sandboxID);
  await expect(page.getByRole("heading", { name: "No sandboxes yet" })).toBeVisible();
});

test("its log is followed, searched and filtered", async ({ page, engine }) => {
  const sandbox = await engine.create();
  await openSandbox(page, engine, sandbox.sandboxID);
  await page.getByRole("tab", { name: "logs" }).click();
  const log = page.getByRole("region", { name: "Log" });
  await expect(log).toContainText("ready: the agent is healthy");
  engine.run(sandbox, "echo first of all; echo out of order >&2");
  await expect(log).toContainText("first of all");
  await expect(log).toContainText("out of order");
  await page.getByLabel("Least level").selectOption("error");
  await expect(log).not.toContainText("first of all");
  await expect(log).toContainText("out of order");
  await page.getByLabel("Least level").selectOption("debug");
  await page.getByRole("searchbox", { name: "Search the log" }).fill("FIRST");
  await expect(log.locator("mark")).toHaveText("first");
  await expect(log).not.toContainText("out of order");
});

test("a command typed into the terminal runs in the sandbox", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await openSandbox(page, engine, sandboxID);
  await page.getByRole("tab", { name: "terminal" }).click();
  await typeInTerminal(page, "echo $((6 * 7)) $TERM && tput cols");
  const screen = page.locator(".terminal .xterm-rows");
  await expect(screen).toContainText("42 xterm-256color");
  await typeInTerminal(page, "exit");
  await expect(page.getByText("The shell has ended")).toBeVisible();
  await page.getByRole("button", { name: "New shell" }).click();
  await expect(page.getByText("The shell has ended")).toBeHidden();
  await typeInTerminal(page, "echo again $((20 + 3))");
  await expect(screen).toContainText("again 23");
});

test("a terminal that is left ends its shell", async ({ page, engine }) => {
  const sandbox = await engine.create();
  await openSandbox(page, engine, sandbox.sandboxID);
  await page.getByRole("tab", { name: "terminal" }).click();
  await typeInTerminal(page, "sleep 86399 &");
  const processes = async () => {
    const response = await fetch(`${engine.url}/envd/${sandbox.sandboxID}/process.Process/List`, {
      method: "POST",
      headers: { "X-Access-Token": sandbox.envdAccessToken, "Content-Type": "application/json" },
      body: "{}",
    });
    return ((await response.json()) as { processes?: unknown[] }).processes?.length ?? 0;
  };
  expect(await processes()).toBe(1);
  await page.getByRole("button", { name: "Back to the list" }).click();
  await expect.poll(processes).toBe(0);
});

test("it is paused and resumed", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await openSandbox(page, engine, sandboxID);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(rowOf(page, sandboxID)).toContainText("paused");
  await expect(page.getByText("while paused")).toBeVisible();
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect(rowOf(page, sandboxID)).toContainText("running");
  await page.getByText("All steps as a table").click();
  await expect(page.getByRole("cell", { name: "resuming" })).toBeVisible();
});

test("its TTL is extended", async ({ page, engine }) => {
  const { sandboxID } = await engine.create({ timeout: 600 });
  await openSandbox(page, engine, sandboxID);
  await expect(rowOf(page, sandboxID)).toContainText(/ 9:\d\d|9:\d\d/);
  await page.getByRole("button", { name: "Extend" }).click();
  await page.getByRole("button", { name: "1 h more" }).click();
  await expect(rowOf(page, sandboxID)).toContainText(/1:09:\d\d/);
});

test("it is deleted only after a question", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await openSandbox(page, engine, sandboxID);
  const button = page.getByRole("button", { name: "Delete", exact: true });
  await button.click();
  const dialog = page.getByRole("dialog", { name: "Delete this sandbox?" });
  await expect(dialog).toContainText(sandboxID);
  await expect(dialog.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(button).toBeFocused();
  await button.click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("status").filter({ hasText: "is deleted" })).toBeVisible();
  await expect(rowOf(page, sandboxID)).toHaveCount(0);
  await expect(page.locator(".detail-facts")).toContainText("deleted");
  await page.getByRole("button", { name: "deleted", exact: true }).click();
  await expect(rowOf(page, sandboxID)).toContainText("deleted");
});

test("an action that the engine refuses is told in its words", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await openSandbox(page, engine, sandboxID);
  await page.route("**/pause", (route) =>
    route.fulfill({ status: 409, json: { code: 409, message: "the sandbox is deleted", error: { code: "conflict" } } }),
  );
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByRole("alert").filter({ hasText: "the sandbox is deleted" })).toBeVisible();
});

test("its metrics are drawn as it runs", async ({ page, engine }) => {
  const { sandboxID } = await engine.create();
  await openSandbox(page, engine, sandboxID);
  await expect(page.getByRole("img", { name: /^Memory: \d.* now, at most/ }).locator("canvas")).toBeVisible();
  await expect(page.getByRole("img", { name: /^Processes: \d/ })).toBeVisible();
});

test("the list is searched by metadata, ID, template and state", async ({ page, engine }) => {
  const web = await engine.create({ metadata: { app: "web", team: "core" } });
  const job = await engine.create({ metadata: { app: "job" } });
  await engine.call("POST", `/sandboxes/${job.sandboxID}/pause`);
  await page.goto(engine.page);
  const search = page.getByRole("searchbox", { name: /Search by/ });
  for (const [text, found] of [
    ["app=web", web],
    ["team=core running", web],
    [job.sandboxID.slice(3, 12), job],
    ["base paused", job],
  ] as const) {
    await search.fill(text);
    await expect(page.getByText("1 sandbox shown")).toBeAttached();
    await expect(rowOf(page, found.sandboxID)).toBeVisible();
  }
  await search.fill("app=none");
  await expect(page.getByText("No sandbox matches app=none.")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByRole("button", { name: "paused 1" }).click();
  await expect(rowOf(page, job.sandboxID)).toBeVisible();
  await expect(rowOf(page, web.sandboxID)).toHaveCount(0);
});
