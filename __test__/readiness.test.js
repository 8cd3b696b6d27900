const { ReadinessError, Sandbox, SandboxClient, SandboxError } = require("..");
const { failedAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

const starting = sandboxAnswer({ status: "starting", state: "starting", envdUrl: null, envdAccessToken: null });

test("create goes on waiting by itself where the service answers early", async () => {
  server.on("POST /sandboxes", json(201, starting));
  server.on("GET /sandboxes/sb-1", json(200, starting), json(200, starting), json(200, sandboxAnswer()));
  const sandbox = await Sandbox.create("base", { waitReady: true, metadata: { a: "b" } });
  expect(sandbox.isRunning()).toBe(true);
  expect(sandbox.envdUrl).toBeDefined();
  expect(sandbox.metadata).toEqual({ a: "b" });
  expect(server.requests).toHaveLength(4);
});

test("create without waitReady gives a handle that is starting, which can wait later", async () => {
  server.on("POST /sandboxes", json(201, starting));
  server.on("GET /sandboxes/sb-1", json(200, starting), json(200, sandboxAnswer()));
  const sandbox = await Sandbox.create();
  expect(sandbox.state).toBe("starting");
  expect(await sandbox.waitReady()).toBe(sandbox);
  expect(sandbox.state).toBe("running");
});

test("a failed start ends the wait at once, with timeline and diagnostic", async () => {
  server.on("POST /sandboxes", json(201, starting));
  server.on("GET /sandboxes/sb-1", json(200, failedAnswer()));
  server.on("DELETE /sandboxes/sb-1", noContent());
  const error = await errorOf(Sandbox.create("base", { waitReady: true }));
  expect(error).toBeInstanceOf(ReadinessError);
  expect(error).toBeInstanceOf(SandboxError);
  expect(error.message).toBe(
    "sandbox sb-1 failed to start: the start command exited with 3 (run it by hand); it was deleted (`keepOnFailure` keeps it)",
  );
  expect(error).toMatchObject({ kind: "not_ready", sandboxId: "sb-1", state: "failed" });
  expect(error.diagnostic.reason).toBe("start_command_failed");
  expect(error.timeline.map(({ phase, status }) => [phase, status])).toEqual([
    ["created", "completed"],
    ["start_command", "failed"],
  ]);
  expect(error.timeline[1].timestamp).toEqual(new Date("2030-01-01T00:00:01Z"));
});

test("a wait ends by readyTimeoutMs, and says how far the sandbox was", async () => {
  server.on("POST /sandboxes", json(201, starting)).on("GET /sandboxes/sb-1", json(200, starting));
  const sandbox = await Sandbox.create();
  const error = await errorOf(sandbox.waitReady({ readyTimeoutMs: 80 }));
  expect(error).toBeInstanceOf(ReadinessError);
  expect(error.kind).toBe("ready_timeout");
  expect(error.message).toContain("sandbox sb-1 was not ready within 0.08 s (state starting");
  expect(error.message).toContain("wait longer with `readyTimeoutMs`");
});

test("a paused sandbox will not become ready", async () => {
  server.on("POST /sandboxes", json(201, starting));
  server.on("GET /sandboxes/sb-1", json(200, sandboxAnswer({ state: "paused", status: "paused" })));
  const sandbox = await Sandbox.create();
  const error = await errorOf(sandbox.waitReady());
  expect(error.message).toBe("sandbox sb-1 is paused, so it will not become ready: connect() resumes it");
});

test("a service that holds looks is asked to, and one look is enough", async () => {
  server.on("POST /sandboxes", json(201, starting));
  server.on("GET /sandboxes/sb-1", (response, request) => {
    response.setHeader("preference-applied", "wait");
    json(200, sandboxAnswer())(response, request);
  });
  // Of the service at the other tests' key it is known that it does not.
  const sandbox = await new SandboxClient({ ...server.clientOptions, apiKey: "key-of-its-own" }).create();
  await sandbox.waitReady();
  expect(sandbox.isRunning()).toBe(true);
  expect(server.requests.map(({ method, headers }) => [method, headers.prefer])).toEqual([
    ["POST", undefined],
    ["GET", "wait=1"],
  ]);
});

test("many that wait where nothing is held share the list", async () => {
  const of = (id) => ({ ...starting, sandboxID: id });
  const ids = Array.from({ length: 40 }, (_, number) => `sb-${number}`);
  server.on("POST /sandboxes", ...ids.map((id) => json(201, of(id))));
  server.on("GET /sandboxes", ...Array(10).fill(json(200, ids.map(of))), json(200, []));
  for (const id of ids) server.on(`GET /sandboxes/${id}`, (response, request) => look(id)(response, request));
  const lists = () => server.requests.filter(({ path }) => path === "/sandboxes").length - ids.length;
  const look = (id) => json(200, lists() > 10 ? sandboxAnswer({ sandboxID: id }) : of(id));
  const sandboxes = [];
  for (const _ of ids) sandboxes.push(await Sandbox.create());
  await Promise.all(sandboxes.map((sandbox) => sandbox.waitReady()));
  expect(sandboxes.every((sandbox) => sandbox.isRunning())).toBe(true);
  const looks = server.requests.filter(({ path }) => path.startsWith("/sandboxes/"));
  expect(looks.length).toBeLessThan(2 * ids.length);
});
