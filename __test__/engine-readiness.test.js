const { Sandbox } = require("..");
const { realEngine } = require("./support/engine.js");

const COUNT = 200;

const engine = realEngine();

/** How many looks at one sandbox the engine has answered. */
async function looks() {
  const { apiKey } = engine.clientOptions;
  const response = await fetch(`${engine.url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } });
  const series = /_count\{.*method="GET".*route="\/api\/v1\/sandboxes\/\{sandboxID\}".*\} (\d+)/g;
  return [...(await response.text()).matchAll(series)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test("many sandboxes that are waited for at once are all told, with few looks", async () => {
  const sandboxes = await Promise.all(Array.from({ length: COUNT }, () => Sandbox.create()));
  await Promise.all(sandboxes.map((sandbox) => sandbox.waitReady()));
  expect(sandboxes.every((sandbox) => sandbox.isRunning() && sandbox.envdUrl)).toBe(true);
  expect(await looks()).toBeLessThan(2 * COUNT);
  await Promise.all(sandboxes.map((sandbox) => sandbox.delete()));
}, 120_000);
