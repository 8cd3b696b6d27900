const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { readdirSync } = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { Sandbox } = require("..");
const { ROOT, runNode } = require("./support/child.js");
const { realEngine } = require("./support/engine.js");
const { until } = require("./support/outcome.js");

const engine = realEngine();
const LAST_LINES = {
  "agent-loop.mjs": /^deleted$/,
  "ai-tool.mjs": /^On average, of 3 days, 12\.0 degrees\.$/,
  "fan-out.mjs": /^50 squares, their sum is 42925$/,
  "follow-logs.mjs": / info done$/,
  "keep-alive.mjs": /^alive until /,
  "many.mjs": /^deleted 5, failed 0$/,
  "quickstart.mjs": /^ +\d+ ms +delete +deleted /,
  "run-code.mjs": /^19$/,
  "with.mjs": /^Linux /,
};

test("every example is run by this test", () => {
  const names = [...Object.keys(LAST_LINES), "express-route.mjs"].sort();
  expect(readdirSync(path.join(ROOT, "examples")).filter((name) => name.endsWith(".mjs"))).toEqual(names);
});

test.each(Object.entries(LAST_LINES))("%s runs, and leaves no sandbox behind", async (name, lastLine) => {
  const run = await runNode([`examples/${name}`], { env: engine.environment });
  expect(run.stderr).toBe("");
  expect(run.code).toBe(0);
  expect(run.stdout.trimEnd().split("\n").at(-1)).toMatch(lastLine);
  expect(await Sandbox.list()).toHaveLength(0);
});

describe("express-route.mjs", () => {
  let server;
  let lines;
  let url;

  beforeEach(async () => {
    const env = { ...process.env, ...engine.environment, PORT: "0" };
    server = spawn(process.execPath, ["examples/express-route.mjs"], {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    lines = readline.createInterface(server.stdout)[Symbol.asyncIterator]();
    url = `${/http:\S+/.exec((await lines.next()).value)[0]}/run`;
  });

  afterEach(async () => {
    if (server.exitCode !== null) return;
    server.kill("SIGKILL");
    await once(server, "exit");
  });

  function post(body, signal) {
    const headers = { "content-type": "application/json" };
    return fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal });
  }

  function untilThereAre(count) {
    return until(
      () => Sandbox.list(),
      (page) => page.length === count,
    );
  }

  test("runs code for its callers", async () => {
    const answer = await post({ code: "print(6 * 7)" });
    expect(await answer.json()).toEqual({ text: "42\n" });
    expect((await post({ code: 42 })).status).toBe(400);
    await untilThereAre(0);
  });

  test("deletes the sandbox of a caller who hangs up", async () => {
    const hangUp = new AbortController();
    const answer = post({ code: "while True: pass" }, hangUp.signal);
    await untilThereAre(1);
    hangUp.abort();
    await expect(answer).rejects.toThrow();
    await untilThereAre(0);
  });

  test("answers what is under way when it is told to end, and leaves no sandbox behind", async () => {
    const answer = post({ code: "import time\ntime.sleep(0.5)\nprint('done')" });
    await untilThereAre(1);
    const exit = once(server, "exit");
    server.kill("SIGTERM");
    expect(await (await answer).json()).toEqual({ text: "done\n" });
    expect((await lines.next()).value).toMatch(/^ended, /);
    expect(await exit).toEqual([0, null]);
    expect(await Sandbox.list()).toHaveLength(0);
  });
});
