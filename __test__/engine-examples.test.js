const { readdirSync } = require("node:fs");
const path = require("node:path");
const { Sandbox } = require("..");
const { ROOT, runNode } = require("./support/child.js");
const { realEngine } = require("./support/engine.js");

const engine = realEngine();
const LAST_LINES = {
  "agent-loop.mjs": /^deleted$/,
  "follow-logs.mjs": / info done$/,
  "keep-alive.mjs": /^alive until /,
  "many.mjs": /^deleted 5, failed 0$/,
  "quickstart.mjs": /^ +\d+ ms +delete +deleted /,
  "with.mjs": /^Linux /,
};

test("every example is run by this test", () => {
  expect(readdirSync(path.join(ROOT, "examples")).sort()).toEqual(Object.keys(LAST_LINES));
});

test.each(Object.entries(LAST_LINES))("%s runs, and leaves no sandbox behind", async (name, lastLine) => {
  const run = await runNode([`examples/${name}`], { env: engine.environment });
  expect(run.stderr).toBe("");
  expect(run.code).toBe(0);
  expect(run.stdout.trimEnd().split("\n").at(-1)).toMatch(lastLine);
  expect(await Sandbox.list()).toHaveLength(0);
});
