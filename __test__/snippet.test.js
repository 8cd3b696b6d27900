const { readFile } = require("node:fs/promises");
const path = require("node:path");
const { ROOT, runNode } = require("./support/child.js");
const { realEngine } = require("./support/engine.js");

const engine = realEngine();

async function linesOf(...names) {
  return (await readFile(path.join(...names), "utf8")).trimEnd().split("\n");
}

test("the quickstart has the documentation's lines, unmodified and in order", async () => {
  const documented = await linesOf(__dirname, "support", "snippet.txt");
  const quickstart = await linesOf(ROOT, "examples", "quickstart.mjs");
  expect(documented).toHaveLength(14);
  expect(quickstart.filter((line) => documented.includes(line))).toEqual(documented);
});

test("the quickstart runs to its end", async () => {
  const run = await runNode(["examples/quickstart.mjs"], { env: engine.environment });
  expect(run.stderr).toBe("");
  expect(run.code).toBe(0);
  const steps = run.stdout.matchAll(/ms {2}(\w+) +(\w+)/g);
  expect([...steps].map(([, step, state]) => `${step} ${state}`)).toEqual([
    "create running",
    "connect running",
    "reconnect running",
    "setTimeout running",
    "refresh running",
    "pause paused",
    "delete deleted",
  ]);
});
