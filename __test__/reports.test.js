const { Sandbox, SandboxClient } = require("..");
const { sandboxAnswer } = require("./support/answers.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

async function created() {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  return Sandbox.create();
}

test("logs have dates, and go on by a cursor", async () => {
  const line = { timestamp: "2030-01-01T00:00:00Z", message: "hello", level: "info", fields: { source: "runtime" } };
  server.on("GET /sandboxes/sb-1/logs", json(200, { logs: [line], nextCursor: 7, hasMore: true, later: 1 }));
  const sandbox = await created();
  const answer = await sandbox.logs({ cursor: 3, limit: 1, direction: "backward", level: "info", search: "h" });
  expect(server.requests[1].query).toEqual({
    cursor: "3",
    limit: "1",
    direction: "backward",
    level: "info",
    search: "h",
  });
  expect(answer.logs).toEqual([{ ...line, timestamp: new Date(line.timestamp) }]);
  expect(answer.nextCursor).toBe(7);
  expect(answer.hasMore).toBe(true);
  expect(answer.raw.later).toBe(1);
});

test("no logs say why there are none", async () => {
  const diagnostic = { reason: "no_logs_yet", message: "nothing was printed so far" };
  server.on("GET /sandboxes/sb-1/logs", json(200, { logs: [], diagnostic }));
  const answer = await (await created()).logs();
  expect(answer.logs).toEqual([]);
  expect(answer.diagnostic).toEqual(diagnostic);
});

test("a metric that is not known is null, not 0", async () => {
  const raw = { sandboxID: "sb-1", collectedAt: "2030-01-01T00:00:00Z", load1: 0.5, cpuStealRate: null };
  server.on("GET /sandboxes/sb-1/metrics", json(200, raw));
  const metrics = await (await created()).getMetrics();
  expect(metrics).toMatchObject({ sandboxId: "sb-1", load1: 0.5, cpuStealRate: null });
  expect(metrics.collectedAt).toEqual(new Date(raw.collectedAt));
  expect(metrics.raw).toMatchObject(raw);
});

test("a client fetches the metrics of several sandboxes", async () => {
  const one = { sandboxID: "sb-1", collectedAt: "2030-01-01T00:00:00Z", load1: 1 };
  const answer = { collectedAt: "2030-01-01T00:00:00Z", items: [one], sandboxes: { "sb-1": one } };
  server.on("GET /sandboxes/metrics", json(200, answer));
  const metrics = await new SandboxClient().getMetrics(["sb-1", "sb-2"], { limit: 2 });
  expect(server.requests[0].query).toEqual({ sandbox_ids: "sb-1,sb-2", limit: "2" });
  expect(metrics.items[0]).toMatchObject({ sandboxId: "sb-1", load1: 1 });
  expect(metrics.sandboxes["sb-1"].collectedAt).toEqual(new Date("2030-01-01T00:00:00Z"));
});

test("entries of metrics that are none are left out", async () => {
  const one = { sandboxID: "sb-1", load1: 1 };
  const answer = { collectedAt: null, items: [null, one], sandboxes: { "sb-1": one, "sb-2": null } };
  server.on("GET /sandboxes/metrics", json(200, answer));
  const metrics = await new SandboxClient().getMetrics(["sb-1", "sb-2"]);
  expect(metrics.items).toHaveLength(1);
  expect(Object.keys(metrics.sandboxes)).toEqual(["sb-1"]);
});

test("limits have dates and keep the names of what they limit", async () => {
  const runs = { limit: 10, used: 4, remaining: 6, resetAt: "2030-01-01T00:00:00Z", enforced: true };
  const answer = { resource: "sandboxes", user: { id: "u", limits: { runs } }, runtime: { maxRuntimeSeconds: 86400 } };
  server.on("GET /usage/limits", json(200, answer));
  const limits = await Sandbox.getUsageLimits();
  expect(limits.user.limits.runs).toEqual({ ...runs, resetAt: new Date(runs.resetAt) });
  expect(limits.project).toBeUndefined();
  expect(limits.runtime.maxRuntimeSeconds).toBe(86400);
});

test("the summary has JavaScript names", async () => {
  const answer = { status: "ok", projectID: "p", userID: "u", checks: [], actions: [], endpoints: {} };
  server.on("GET /observability/summary", json(200, answer));
  const summary = await Sandbox.getObservabilitySummary();
  expect(summary).toMatchObject({ status: "ok", projectId: "p", userId: "u", checks: [] });
  expect(summary.raw.projectID).toBe("p");
});
