const { ReadinessError, Sandbox, ValidationError } = require("..");
const { failedAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const CREATED = { phase: "created", status: "completed", timestamp: "2030-01-01T00:00:00Z" };
const STARTING = { phase: "starting", status: "in_progress", timestamp: "2030-01-01T00:00:01Z" };
const STARTED = { ...STARTING, status: "completed" };
const READY = { phase: "ready", status: "completed", timestamp: "2030-01-01T00:00:02Z" };

function starting(timeline) {
  return sandboxAnswer({ status: "starting", state: "starting", timeline });
}

beforeEach(() => {
  server.on("POST /sandboxes", json(201, starting([CREATED])));
  server.on(
    "GET /sandboxes/sb-1",
    json(200, starting([CREATED, STARTING])),
    json(200, starting([CREATED, STARTING])),
    json(200, sandboxAnswer({ timeline: [CREATED, STARTED, READY] })),
  );
});

test("create tells each entry once, in order, before it is done", async () => {
  const told = [];
  const onTimeline = ({ phase, status }, { state }) => told.push([phase, status, state]);
  const sandbox = await Sandbox.create("base", { waitReady: true, onTimeline, metadata: { a: "b" } });
  expect(told).toEqual([
    ["created", "completed", "starting"],
    ["starting", "in_progress", "starting"],
    ["ready", "completed", "running"],
  ]);
  expect(sandbox.isRunning()).toBe(true);
  expect(sandbox.metadata).toEqual({ a: "b" });
});

test("with it, the service is not asked to hold the answer; without it, nothing more is sent", async () => {
  await Sandbox.create("base", { waitReady: true, onTimeline: () => {} });
  expect(server.requests[0].body).toEqual({ templateID: "base" });
  server.forget();
  server.on("POST /sandboxes", json(201, sandboxAnswer({ timeline: [CREATED, READY] })));
  await Sandbox.create("base", { waitReady: true });
  expect(server.requests.map(({ body }) => body)).toEqual([{ templateID: "base", waitReady: true }]);
});

test("the entries have dates, and the sandbox is as it was then", async () => {
  const told = [];
  await Sandbox.create("base", { waitReady: true, onTimeline: (...both) => told.push(both) });
  const [event, info] = told[1];
  expect(event.timestamp).toEqual(new Date("2030-01-01T00:00:01Z"));
  expect(info).toMatchObject({ sandboxId: "sb-1", state: "starting" });
  expect(info.timeline).toHaveLength(2);
});

test("connect and waitReady tell as well", async () => {
  const phases = [];
  const onTimeline = ({ phase }) => phases.push(phase);
  const sandbox = await Sandbox.create();
  await sandbox.waitReady({ onTimeline });
  expect(phases.splice(0)).toEqual(["created", "starting", "ready"]);
  const answer = sandboxAnswer({ timeline: [CREATED, STARTED, READY] });
  server.on("POST /sandboxes/sb-1/connect", json(200, answer));
  await sandbox.connect({ onTimeline });
  await Sandbox.connect("sb-1", { onTimeline });
  expect(phases).toEqual(["created", "starting", "ready", "created", "starting", "ready"]);
});

test("a failed start is told to its last entry, and is the same error", async () => {
  server.on("GET /sandboxes/sb-1", json(200, failedAnswer()));
  const phases = [];
  const error = await errorOf(Sandbox.create({ waitReady: true, onTimeline: ({ phase }) => phases.push(phase) }));
  expect(error).toBeInstanceOf(ReadinessError);
  expect(phases).toEqual(["created", "start_command"]);
});

test("a callback that throws or rejects is a process warning, and breaks nothing", async () => {
  const warn = jest.spyOn(process, "emitWarning").mockImplementation();
  const mine = new Error("mine");
  let count = 0;
  const onTimeline = () => {
    count += 1;
    if (count === 1) throw mine;
    return Promise.reject(mine);
  };
  const sandbox = await Sandbox.create("base", { waitReady: true, onTimeline });
  expect(sandbox.isRunning()).toBe(true);
  expect(warn.mock.calls).toEqual([[mine], [mine], [mine]]);
  warn.mockRestore();
});

test("a callback that is none is refused before anything is sent", async () => {
  const error = await errorOf(Sandbox.create("base", { onTimeline: "log" }));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.message).toBe("`onTimeline` must be a function, got a string: pass `(event, sandbox) => …`");
  expect((await errorOf(Sandbox.create("base", { onTimeline: () => {}, timeoutMs: 1 }))).field).toBe("timeoutMs");
  expect(server.requests).toEqual([]);
});
