const { ConflictError, NotFoundError, ReadinessError, Sandbox, SandboxClient } = require("..");
const { realEngine, runIn } = require("./support/engine.js");
const { errorOf } = require("./support/outcome.js");

const engine = realEngine();

function secondsLeft(date) {
  return (date.getTime() - Date.now()) / 1000;
}

test("a sandbox goes through its life as documented", async () => {
  const sandbox = await Sandbox.create("base", {
    timeout: 1800,
    waitReady: true,
    envVars: { FOO: "bar" },
    metadata: { purpose: "demo" },
  });
  expect(sandbox.state).toBe("running");
  expect(sandbox.isRunning()).toBe(true);
  expect(sandbox.templateId).toBe("base");
  expect(sandbox.metadata).toEqual({ purpose: "demo" });
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(1800, -1);
  expect(await runIn(sandbox, "echo $FOO")).toMatchObject({ stdout: "bar\n", exit_code: 0 });

  expect(await sandbox.connect({ timeout: 1800 })).toBe(sandbox);
  const reconnected = await Sandbox.connect(sandbox.sandboxId, { timeout: 1800 });
  expect(reconnected).not.toBe(sandbox);
  expect(await runIn(reconnected, "echo $FOO")).toMatchObject({ stdout: "bar\n" });

  expect(await sandbox.setTimeout(3600)).toBeUndefined();
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(3600, -1);
  expect(await sandbox.refresh()).toBeUndefined();
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(3600, -1);
  expect(await sandbox.pause()).toBe(true);
  expect(sandbox.state).toBe("paused");
  expect(await sandbox.delete()).toBeUndefined();
  expect(sandbox.state).toBe("deleted");
});

test("create without waitReady can be waited for later", async () => {
  const sandbox = await Sandbox.create();
  expect(await sandbox.waitReady()).toBe(sandbox);
  expect(sandbox.isRunning()).toBe(true);
  expect(await runIn(sandbox, "pwd")).toMatchObject({ stdout: "/root/workspace\n" });
  await sandbox.delete();
});

test("files, environment and metadata survive a pause; processes and the old way in do not", async () => {
  const sandbox = await Sandbox.create({ waitReady: true, envVars: { FOO: "bar" }, metadata: { a: "b" } });
  await runIn(sandbox, "echo kept > /root/workspace/file");
  await sandbox.pause();
  expect(sandbox.envdUrl).toBeUndefined();

  expect(await sandbox.resume()).toBe(sandbox);
  expect(sandbox.isRunning()).toBe(true);
  expect(sandbox.metadata).toEqual({ a: "b" });
  expect(await runIn(sandbox, "cat file; echo $FOO")).toMatchObject({ stdout: "kept\nbar\n" });
  await sandbox.delete();
});

test("pausing twice and deleting twice is no error, and tells the difference", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  expect(await sandbox.pause()).toBe(true);
  expect(await sandbox.pause()).toBe(false);
  expect(await Sandbox.pause(sandbox.sandboxId)).toBe(false);
  expect(await sandbox.kill()).toBe(true);
  expect(await sandbox.kill()).toBe(false);
  expect(await Sandbox.kill(sandbox.sandboxId)).toBe(false);
  expect(await sandbox.delete()).toBeUndefined();
});

test("the statics do the same by ID", async () => {
  const { sandboxId } = await Sandbox.create({ waitReady: true });
  expect(await Sandbox.setTimeout(sandboxId, 600)).toBeUndefined();
  expect(secondsLeft((await Sandbox.getInfo(sandboxId)).endAt)).toBeCloseTo(600, -1);
  expect(await Sandbox.pause(sandboxId)).toBe(true);
  expect((await Sandbox.getInfo(sandboxId)).state).toBe("paused");
  expect(await Sandbox.kill(sandboxId)).toBe(true);
});

test("refresh extends, setTimeout replaces, connect never shortens", async () => {
  const sandbox = await Sandbox.create({ waitReady: true, timeout: 600 });
  await sandbox.refresh({ duration: 60 });
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(600, -1);
  await sandbox.refresh({ duration: 3600 });
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(3600, -1);
  await sandbox.connect({ timeout: 60 });
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(3600, -1);
  await sandbox.setTimeout(120);
  expect(secondsLeft(sandbox.endAt)).toBeCloseTo(120, -1);
  await sandbox.delete();
});

test("the detail of a deleted sandbox says why it is gone", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  await sandbox.delete();
  const info = await sandbox.getInfo();
  expect(info.state).toBe("deleted");
  expect(info.diagnostic.message).toEqual(expect.any(String));
  // A claimed runtime had its namespaces before the create.
  const phases = info.timeline.map(({ phase }) => phase).filter((phase) => phase !== "namespaces");
  expect(phases).toEqual(["created", "starting", "agent", "ready", "deleted"]);
  expect(info.timeline[0].timestamp).toBeInstanceOf(Date);
  expect(info.timeline[1].message).toMatch(/^(cold start|claimed a warm runtime)$/);
  expect(info.timeline[1].durationMs).toBeGreaterThan(0);
});

test("the detail has sizes, lifecycle and metadata", async () => {
  const sandbox = await Sandbox.create({ waitReady: true, metadata: { a: "b" }, autoPause: true });
  const info = await sandbox.getInfo();
  expect(info).toMatchObject({
    sandboxId: sandbox.sandboxId,
    state: "running",
    status: "running",
    metadata: { a: "b" },
  });
  expect(info.lifecycle).toEqual({ onTimeout: "pause" });
  expect(info.cpuCount).toBeGreaterThan(0);
  expect(info.limits.level).toMatch(/^(cgroup v[12]|rlimits)$/);
  expect(info.limits.processes).toBeGreaterThan(0);
  expect(info.memoryMB).toBeGreaterThan(0);
  expect(info.startedAt).toBeInstanceOf(Date);
  expect(info.envdAccessToken).toBe(sandbox.envdAccessToken);
  await sandbox.delete();
});

test("the runtime refuses a wrong token", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  const response = await fetch(`${sandbox.envdUrl}/run`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-access-token": "wrong" },
    body: '{"cmd":"id"}',
  });
  expect(response.status).toBe(401);
  await sandbox.delete();
});

describe("a template whose start fails", () => {
  beforeAll(() => engine.addTemplate("tpl-broken", 'start_command = "echo boom >&2; exit 3"'));

  test("ends the wait at once, with diagnostic and timeline", async () => {
    const error = await errorOf(Sandbox.create("tpl-broken", { waitReady: true }));
    expect(error).toBeInstanceOf(ReadinessError);
    expect(error.message).toMatch(/^sandbox \S+ failed to start: /);
    expect(error.state).toBe("failed");
    expect(error.diagnostic.message).toContain("3");
    expect(error.timeline.some(({ status }) => status === "failed")).toBe(true);
  });

  test("leaves nothing", async () => {
    const error = await errorOf(Sandbox.create("tpl-broken", { waitReady: true }));
    expect(error.sandboxDeleted).toBe(true);
    expect(await Sandbox.getInfo(error.sandboxId)).toMatchObject({ state: "deleted" });
  });

  test("leaves a failed sandbox if it is to be kept, that can't be connected to, but read and deleted", async () => {
    const { sandboxId } = await errorOf(Sandbox.create("tpl-broken", { waitReady: true, keepOnFailure: true }));
    expect((await Sandbox.getInfo(sandboxId)).state).toBe("failed");
    const refusal = await errorOf(Sandbox.connect(sandboxId));
    expect(refusal).toBeInstanceOf(ConflictError);
    expect(refusal.diagnostic.reason).toEqual(expect.any(String));
    expect(await Sandbox.kill(sandboxId)).toBe(true);
  });
});

test("a template's own environment is there, and the user's goes before it", async () => {
  await engine.addTemplate("tpl-env", 'env = { COLOUR = "red", SIZE = "small" }');
  const sandbox = await Sandbox.create("tpl-env", { waitReady: true, envVars: { SIZE: "large" } });
  expect(await runIn(sandbox, "echo $COLOUR $SIZE")).toMatchObject({ stdout: "red large\n" });
  await sandbox.delete();
});

test("an unknown template and an unknown ID are named", async () => {
  const template = await errorOf(Sandbox.create("tpl-nowhere"));
  expect(template.statusCode).toBeGreaterThanOrEqual(400);
  expect(template.message).toContain("tpl-nowhere");
  for (const call of [Sandbox.getInfo, Sandbox.connect, Sandbox.pause]) {
    const error = await errorOf(call.call(Sandbox, "sb-unknown"));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.code).toBe("sandbox_not_found");
    expect(error.message).toContain("sb-unknown");
  }
  expect(await Sandbox.kill("sb-unknown")).toBe(false);
});

test("a wrong key is refused, and says what to check", async () => {
  const client = new SandboxClient({ ...engine.clientOptions, apiKey: "wrong" });
  const error = await errorOf(client.create());
  expect(error.name).toBe("AuthenticationError");
  expect(error.message).toContain("the API key was refused (401");
  expect(error.message).toContain("check SEACLOUD_API_KEY or the `apiKey` option");
});

test("of calls at the same time, the one that comes too late says what it met", async () => {
  const { sandboxId } = await Sandbox.create({ waitReady: true });
  const calls = [Sandbox.pause(sandboxId), Sandbox.kill(sandboxId), Sandbox.connect(sandboxId)];
  const outcomes = await Promise.allSettled(calls);
  const losers = outcomes.filter(({ status }) => status === "rejected");
  for (const { reason } of losers) expect(reason.message).toMatch(`sandbox ${sandboxId}`);
  for (const { reason } of losers) expect(reason.message).toMatch(/ (is|was) deleted/);
  expect((await Sandbox.getInfo(sandboxId)).state).toBe("deleted");
});
