const { runNode } = require("./support/child.js");

/** How long the process may take to end by itself, once all calls have. */
const EXIT_MS = 10_000;

test("every public call ends by its limit and leaves nothing, wherever its exchange is cut off, slow or wrong", async () => {
  const { stdout, stderr, code } = await runNode(["__test__/support/every-call.mjs"], { timeoutMs: 290_000 });
  const endedAt = Date.now();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { calls, cases, problems, finishedAt } = JSON.parse(stdout);
  expect(problems).toEqual([]);
  expect(calls).toBeGreaterThan(90);
  expect(cases).toBeGreaterThan(calls);
  expect(endedAt - finishedAt).toBeLessThan(EXIT_MS);
}, 300_000);
