const { inspect } = require("node:util");
const { Sandbox } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

async function created(fields, options) {
  server.on("POST /sandboxes", json(201, sandboxAnswer(fields)));
  return Sandbox.create("base", options);
}

test("create sends what it was given, and nothing else", async () => {
  const options = { timeout: 60, envVars: { FOO: "bar" }, metadata: { a: "b" }, autoPause: true };
  await created({}, options);
  expect(server.requests[0].body).toEqual({ templateID: "base", ...options });
});

test("the options may come first", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  await Sandbox.create({ timeout: 60 });
  await Sandbox.create({ templateID: "tpl-7", timeout: 60 });
  expect(server.requests.map(({ body }) => body)).toEqual([
    { templateID: "base", timeout: 60 },
    { templateID: "tpl-7", timeout: 60 },
  ]);
});

test("the getters say what the answer said", async () => {
  const sandbox = await created({
    timeline: [{ phase: "agent", status: "completed", timestamp: "2030-01-01T00:00:01.5Z", durationMs: 2.5 }],
  });
  expect(sandbox.sandboxId).toBe("sb-1");
  expect(sandbox.templateId).toBe("base");
  expect(sandbox.status).toBe("running");
  expect(sandbox.state).toBe("running");
  expect(sandbox.isRunning()).toBe(true);
  expect(sandbox.startedAt).toEqual(new Date("2030-01-01T00:00:00Z"));
  expect(sandbox.endAt).toEqual(new Date("2030-01-01T00:05:00Z"));
  expect(sandbox.timeline[0].timestamp).toEqual(new Date("2030-01-01T00:00:01.5Z"));
  expect(sandbox.timeline[0].durationMs).toBe(2.5);
  expect(sandbox.envdUrl).toBe("http://127.0.0.1:9/sandboxes/sb-1");
  expect(sandbox.envdAccessToken).toBe("secret-token");
  expect(sandbox.sandboxDomain).toBe("127.0.0.1:9");
});

test("fields that the answer leaves out are undefined", async () => {
  server.on("POST /sandboxes", json(201, { sandboxID: "sb-1" }));
  const sandbox = await Sandbox.create();
  const { templateId, state, startedAt, endAt, metadata, timeline, diagnostic, envdUrl, sandboxDomain } = sandbox;
  for (const value of [templateId, state, startedAt, endAt, metadata, timeline, diagnostic, envdUrl, sandboxDomain]) {
    expect(value).toBeUndefined();
  }
  expect(sandbox.isRunning()).toBe(false);
});

test("odd fields do no harm", async () => {
  const sandbox = await created({ endAt: "soon", startedAt: 7, timeline: "none", envdUrl: "not a URL" });
  expect(sandbox.endAt).toBeUndefined();
  expect(sandbox.startedAt).toBeUndefined();
  expect(sandbox.timeline).toBeUndefined();
  expect(sandbox.sandboxDomain).toBeUndefined();
});

test("a state that this version does not know passes through", async () => {
  const sandbox = await created({ status: "hibernating", state: "hibernating" });
  expect(sandbox.state).toBe("hibernating");
  expect(sandbox.isRunning()).toBe(false);
});

test("of status and state one is enough", async () => {
  expect((await created({ state: undefined, status: "running" })).state).toBe("running");
  expect((await created({ state: "paused", status: undefined })).status).toBe("paused");
});

test("the metadata that was sent is known where the answer leaves it out", async () => {
  expect((await created({}, { metadata: { a: "b" } })).metadata).toEqual({ a: "b" });
});

test("the access token is readable, but never printed", async () => {
  const sandbox = await created();
  const info = JSON.parse(JSON.stringify(sandbox));
  expect(info.sandboxId).toBe("sb-1");
  for (const text of [inspect(sandbox), JSON.stringify(sandbox), `${Object.keys(sandbox)}`, inspect({ sandbox })]) {
    expect(text).not.toContain("secret-token");
  }
  expect(inspect(sandbox)).toMatch(/^Sandbox {\s+sandboxId: 'sb-1',\s+templateId: 'base',\s+state: 'running'/);
});

test("connect brings the handle up to date and keeps what the answer leaves out", async () => {
  const sandbox = await created({}, { metadata: { a: "b" } });
  const answer = sandboxAnswer({ envdUrl: "http://127.0.0.1:8/", endAt: "2031-01-01T00:00:00Z" });
  server.on("POST /sandboxes/sb-1/connect", json(200, answer));
  expect(await sandbox.connect({ timeout: 1800 })).toBe(sandbox);
  expect(server.requests[1].body).toEqual({ timeout: 1800 });
  expect(sandbox.envdUrl).toBe("http://127.0.0.1:8/");
  expect(sandbox.endAt).toEqual(new Date("2031-01-01T00:00:00Z"));
  expect(sandbox.metadata).toEqual({ a: "b" });
});

test("resume is connect under another name", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/connect", json(201, sandboxAnswer()));
  expect(await sandbox.resume({ timeout: 60 })).toBe(sandbox);
});

test("setTimeout and refresh give nothing back and move endAt", async () => {
  const sandbox = await created();
  const endAt = { "x-sandbox-end-at": "2032-01-01T00:00:00Z" };
  server.on("POST /sandboxes/sb-1/timeout", noContent(endAt));
  server.on("POST /sandboxes/sb-1/refreshes", noContent({ "x-sandbox-end-at": "2033-01-01T00:00:00Z" }));
  expect(await sandbox.setTimeout(3600)).toBeUndefined();
  expect(sandbox.endAt).toEqual(new Date("2032-01-01T00:00:00Z"));
  expect(await sandbox.refresh({ duration: 60 })).toBeUndefined();
  expect(sandbox.endAt).toEqual(new Date("2033-01-01T00:00:00Z"));
  expect(server.requests.map(({ body }) => body).slice(1)).toEqual([{ timeout: 3600 }, { duration: 60 }]);
});

test("pause says whether it changed anything, and leaves no way to the runtime", async () => {
  const sandbox = await created();
  server.on(
    "POST /sandboxes/sb-1/pause",
    noContent({ "x-sandbox-previous-state": "running" }),
    noContent({ "x-sandbox-previous-state": "paused" }),
  );
  expect(await sandbox.pause()).toBe(true);
  expect(sandbox.state).toBe("paused");
  expect(sandbox.isRunning()).toBe(false);
  expect(sandbox.envdUrl).toBeUndefined();
  expect(sandbox.envdAccessToken).toBeUndefined();
  expect(await sandbox.pause()).toBe(false);
});

test("delete treats a sandbox that is gone as done; kill tells the difference", async () => {
  const sandbox = await created();
  const gone = json(404, errorAnswer(404, "sandbox_not_found", "no sandbox sb-1"));
  server.on("DELETE /sandboxes/sb-1", noContent(), gone);
  expect(await sandbox.kill()).toBe(true);
  expect(sandbox.state).toBe("deleted");
  expect(await sandbox.kill()).toBe(false);
  expect(await sandbox.delete()).toBeUndefined();
  expect(await Sandbox.kill("sb-1")).toBe(false);
});

test("getInfo gives a plain object under JavaScript names, with the answer in raw", async () => {
  const answer = sandboxAnswer({ memoryMB: 512, lifecycle: { onTimeout: "pause" }, region: "eu" });
  server.on("GET /sandboxes/sb-1", json(200, answer));
  const info = await Sandbox.getInfo("sb-1");
  expect(info).toEqual({
    sandboxId: "sb-1",
    templateId: "base",
    clientId: "node-1",
    status: "running",
    state: "running",
    startedAt: new Date("2030-01-01T00:00:00Z"),
    endAt: new Date("2030-01-01T00:05:00Z"),
    memoryMB: 512,
    lifecycle: { onTimeout: "pause" },
    envdUrl: "http://127.0.0.1:9/sandboxes/sb-1",
  });
  expect(info.raw.region).toBe("eu");
  expect(info.envdAccessToken).toBe("secret-token");
  expect(JSON.stringify(info)).not.toContain("secret-token");
});

test("getInfo and reload of a handle bring it up to date", async () => {
  const sandbox = await created({ state: "starting", status: "starting" });
  server.on("GET /sandboxes/sb-1", json(200, sandboxAnswer()), json(200, sandboxAnswer({ state: "failed" })));
  expect((await sandbox.getInfo()).state).toBe("running");
  expect(sandbox.isRunning()).toBe(true);
  expect(await sandbox.reload()).toBe(sandbox);
  expect(sandbox.state).toBe("failed");
});

test("a handle is not constructed by hand", () => {
  expect(() => new Sandbox()).toThrow(TypeError);
  expect(() => new Sandbox()).toThrow("use `await Sandbox.create()` or `await Sandbox.connect(sandboxId)`");
});

test("a subclass's create gives handles of the subclass", async () => {
  class Workspace extends Sandbox {}
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  expect(await Workspace.create()).toBeInstanceOf(Workspace);
});

test("the statics can be taken from their class", async () => {
  const { create, kill } = Sandbox;
  server.on("POST /sandboxes", json(201, sandboxAnswer())).on("DELETE /sandboxes/sb-1", noContent());
  expect(await create()).toBeInstanceOf(Sandbox);
  expect(await kill("sb-1")).toBe(true);
});

test("where the service does not tell the new deadline, the last known one stays", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", noContent());
  await sandbox.refresh();
  expect(sandbox.endAt).toEqual(new Date("2030-01-01T00:05:00Z"));
});

/** A reply that waits until it is let go. */
function held(reply) {
  const waiting = {};
  waiting.reply = (response) => {
    waiting.letGo = () => reply(response);
  };
  waiting.arrived = async () => {
    while (!waiting.letGo) await new Promise(setImmediate);
  };
  return waiting;
}

describe("answers that come out of order", () => {
  test("getInfo, overtaken by kill, does not revive the handle", async () => {
    const sandbox = await created();
    const slow = held(json(200, sandboxAnswer()));
    server.on("GET /sandboxes/sb-1", slow.reply).on("DELETE /sandboxes/sb-1", noContent());
    const info = sandbox.getInfo();
    await slow.arrived();
    await sandbox.kill();
    slow.letGo();
    expect((await info).state).toBe("running");
    expect([sandbox.state, sandbox.envdUrl, sandbox.envdAccessToken]).toEqual(["deleted", undefined, undefined]);
  });

  test("pause, overtaken by connect, does not take its URL away", async () => {
    const sandbox = await created();
    const slow = held(noContent());
    server.on("POST /sandboxes/sb-1/pause", slow.reply).on("POST /sandboxes/sb-1/connect", json(201, sandboxAnswer()));
    const pause = sandbox.pause();
    await slow.arrived();
    await sandbox.connect();
    slow.letGo();
    await pause;
    expect([sandbox.state, sandbox.envdAccessToken]).toEqual(["running", "secret-token"]);
  });

  test("connect counts although a look that was begun later has been answered", async () => {
    const sandbox = await created();
    const slow = held(json(201, sandboxAnswer({ envdAccessToken: "new-token" })));
    const paused = sandboxAnswer({ state: "paused", status: "paused", envdUrl: null, envdAccessToken: null });
    server.on("POST /sandboxes/sb-1/connect", slow.reply).on("GET /sandboxes/sb-1", json(200, paused));
    const connect = sandbox.connect();
    await slow.arrived();
    await sandbox.reload();
    expect(sandbox.state).toBe("paused");
    slow.letGo();
    await connect;
    expect([sandbox.state, sandbox.envdAccessToken]).toEqual(["running", "new-token"]);
  });

  test("of two looks the one that was begun later counts", async () => {
    const sandbox = await created();
    const slow = held(json(200, sandboxAnswer({ metadata: { seen: "first" } })));
    server.on("GET /sandboxes/sb-1", slow.reply, json(200, sandboxAnswer({ metadata: { seen: "later" } })));
    const first = sandbox.reload();
    await slow.arrived();
    await sandbox.reload();
    slow.letGo();
    await first;
    expect(sandbox.metadata).toEqual({ seen: "later" });
  });

  test("a new deadline does not keep connect from its URL", async () => {
    const sandbox = await created();
    const slow = held(json(201, sandboxAnswer({ envdAccessToken: "new-token" })));
    const until = { "x-sandbox-end-at": "2031-01-01T00:00:00Z" };
    server.on("POST /sandboxes/sb-1/connect", slow.reply).on("POST /sandboxes/sb-1/timeout", noContent(until));
    const connect = sandbox.connect();
    await slow.arrived();
    await sandbox.setTimeout(60);
    slow.letGo();
    await connect;
    expect(sandbox.envdAccessToken).toBe("new-token");
    expect(sandbox.endAt).toEqual(new Date("2031-01-01T00:00:00Z"));
  });
});
