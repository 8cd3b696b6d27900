const { NotFoundError, Sandbox } = require("..");
const { errorAnswer, failedAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf, until } = require("./support/outcome.js");
const { hang, json, reset, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const DETAIL = "GET /sandboxes/sb-1";
const gone = json(404, errorAnswer(404, "sandbox_not_found", "no sandbox sb-1"));

/** A detail whose timeline has these phases. */
function detail(phases, fields = {}) {
  const timeline = phases.map((phase, place) => ({
    phase,
    status: "completed",
    timestamp: `2030-01-01T00:00:0${place}Z`,
  }));
  return json(200, sandboxAnswer({ timeline, ...fields }));
}

async function created() {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  return Sandbox.create();
}

async function phasesOf(stream) {
  const phases = [];
  for await (const { phase } of stream) phases.push(phase);
  return phases;
}

test("past entries come first, then new ones, each once, until the sandbox is deleted", async () => {
  const sandbox = await created();
  const end = { state: "deleted", status: "deleted" };
  server.on(DETAIL, detail(["a", "b"]), detail(["a", "b"]), reset(), detail(["a", "b", "c"]), detail([..."abcd"], end));
  expect(await phasesOf(sandbox.watch())).toEqual(["a", "b", "c", "d"]);
  expect(sandbox.state).toBe("deleted");
  expect(sandbox.timeline).toHaveLength(4);
});

test("entries have dates", async () => {
  const sandbox = await created();
  server.on(DETAIL, detail(["a"]));
  for await (const event of sandbox.watch()) {
    expect(event).toEqual({ phase: "a", status: "completed", timestamp: new Date("2030-01-01T00:00:00Z") });
    break;
  }
});

test("a failed sandbox ends it, after its last entry", async () => {
  const sandbox = await created();
  server.on(DETAIL, json(200, failedAnswer()));
  expect(await phasesOf(sandbox.watch())).toEqual(["created", "start_command"]);
});

test("one that is gone meanwhile ends it; one that never was is an error", async () => {
  const sandbox = await created();
  server.on(DETAIL, detail(["a"]), gone);
  expect(await phasesOf(sandbox.watch())).toEqual(["a"]);
  expect(await errorOf(phasesOf(sandbox.watch()))).toBeInstanceOf(NotFoundError);
});

test("return ends a watch that waits", async () => {
  const sandbox = await created();
  server.on(DETAIL, hang());
  const stream = sandbox.watch();
  const next = stream.next();
  await until(
    () => server.requests,
    ({ length }) => length === 2,
  );
  await stream.return();
  expect(await next).toEqual({ value: undefined, done: true });
});

test("wrong options are refused by the iteration", async () => {
  const sandbox = await created();
  expect(await errorOf(phasesOf(sandbox.watch({ interval: 5 })))).toMatchObject({ field: "interval" });
});
