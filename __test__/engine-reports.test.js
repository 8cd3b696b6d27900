const { Sandbox, SandboxClient } = require("..");
const { realEngine } = require("./support/engine.js");

realEngine();

describe("of three sandboxes", () => {
  let sandboxes;
  beforeAll(async () => {
    const create = (number) => Sandbox.create({ waitReady: true, metadata: { app: "list", number: `${number}` } });
    sandboxes = await Promise.all([1, 2, 3].map(create));
    await sandboxes[2].pause();
  });
  afterAll(() => Promise.all(sandboxes.map((sandbox) => sandbox.delete())));

  test("the list has pages", async () => {
    const first = await Sandbox.list({ metadata: { app: "list" }, limit: 2 });
    expect(first).toHaveLength(2);
    expect(first.hasNext).toBe(true);
    const second = await first.nextPage();
    expect(second).toHaveLength(1);
    expect(second.hasNext).toBe(false);
    const ids = [...first, ...second].map(({ sandboxId }) => sandboxId);
    expect(ids.sort()).toEqual(sandboxes.map(({ sandboxId }) => sandboxId).sort());
  });

  test("the list can be iterated", async () => {
    const numbers = [];
    for await (const { metadata } of Sandbox.list({ metadata: { app: "list" }, limit: 1 }))
      numbers.push(metadata.number);
    expect(numbers.sort()).toEqual(["1", "2", "3"]);
  });

  test("the list can be filtered by state and metadata", async () => {
    const paused = await Sandbox.list({ metadata: { app: "list" }, state: "paused" });
    expect(paused.map(({ sandboxId }) => sandboxId)).toEqual([sandboxes[2].sandboxId]);
    expect(await Sandbox.list({ metadata: { app: "list", number: "1" } })).toHaveLength(1);
    expect(await Sandbox.list({ metadata: { app: "another" } })).toHaveLength(0);
    expect(await Sandbox.list({ metadata: { app: "list" }, state: ["running", "paused"] })).toHaveLength(3);
  });

  test("an entry of the list has no way in", async () => {
    const [info] = await Sandbox.list({ limit: 1 });
    expect(info.envdAccessToken).toBeUndefined();
    expect(info.raw).not.toHaveProperty("envdAccessToken");
  });

  test("the logs tell how it started", async () => {
    const { logs, raw } = await sandboxes[0].logs();
    expect(logs.length).toBeGreaterThan(0);
    expect(logs[0].timestamp).toBeInstanceOf(Date);
    expect(logs[0].message).toEqual(expect.any(String));
    expect(raw.logs).toHaveLength(logs.length);
  });

  test("logs that a filter hides say so", async () => {
    const { logs, diagnostic } = await sandboxes[0].logs({ search: "nothing says this" });
    expect(logs).toEqual([]);
    expect(diagnostic.reason).toBe("filters_applied");
  });

  test("metrics count what runs", async () => {
    const metrics = await sandboxes[0].getMetrics();
    expect(metrics.sandboxId).toBe(sandboxes[0].sandboxId);
    expect(metrics.collectedAt).toBeInstanceOf(Date);
    expect(metrics.taskCurrent).toBeGreaterThan(0);
  });

  test("metrics of several come in one answer", async () => {
    const ids = sandboxes.slice(0, 2).map(({ sandboxId }) => sandboxId);
    const { items, sandboxes: byId } = await new SandboxClient().getMetrics(ids);
    expect(items.map(({ sandboxId }) => sandboxId).sort()).toEqual([...ids].sort());
    expect(byId[ids[0]].sandboxId).toBe(ids[0]);
  });

  test("limits and summary count them", async () => {
    const limits = await Sandbox.getUsageLimits();
    expect(limits.resource).toBe("sandboxes");
    expect(limits.runtime.maxRuntimeSeconds).toBe(86400);
    const summary = await new SandboxClient().getObservabilitySummary();
    expect(summary.status).toBe("ok");
    expect(summary.endpoints.sandboxLogs).toContain("/logs");
  });
});
