const { AuthenticationError, Sandbox, ValidationError } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { runNode } = require("./support/child.js");
const { until } = require("./support/outcome.js");
const { hang, json, noContent, reset, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const DISPOSE = Symbol.dispose ?? Symbol.for("Symbol.dispose");
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

const refreshes = () => server.requests.filter(({ path }) => path.endsWith("/refreshes"));
const conflict = json(409, errorAnswer(409, "sandbox_paused", "sandbox sb-1 is paused"));
const gone = json(404, errorAnswer(404, "sandbox_not_found", "no sandbox sb-1"));

async function created() {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  return Sandbox.create();
}

test("a sandbox is refreshed at once, and again before the time is over", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", noContent({ "x-sandbox-end-at": "2033-01-01T00:00:00Z" }));
  const held = sandbox.keepAlive({ duration: 1 });
  expect(held.active).toBe(true);
  await until(refreshes, ({ length }) => length >= 3);
  await until(
    () => sandbox.endAt,
    (endAt) => endAt.getUTCFullYear() === 2033,
  );
  expect(await held.stop()).toBeUndefined();
  expect(held.active).toBe(false);
  expect(refreshes().map(({ body }) => body)).toEqual(refreshes().map(() => ({ duration: 1 })));
});

test("the duration is 300 s unless said otherwise", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", noContent());
  const held = sandbox.keepAlive();
  await until(refreshes, ({ length }) => length > 0);
  expect(refreshes()[0].body).toEqual({ duration: 300 });
  await held.stop();
});

test("stop gives up a refresh that is in flight, and may be repeated", async () => {
  const sandbox = await created();
  let closed = false;
  server.on("POST /sandboxes/sb-1/refreshes", (_response, request) => {
    request.socket.on("close", () => {
      closed = true;
    });
  });
  const held = sandbox.keepAlive();
  await until(refreshes, ({ length }) => length >= 1);
  await held.stop();
  await held.stop();
  await until(() => closed, Boolean);
  expect(refreshes()).toHaveLength(1);
});

test("the end of a scope stops it", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", noContent());
  const first = sandbox.keepAlive();
  const second = sandbox.keepAlive();
  expect(first[DISPOSE]()).toBeUndefined();
  expect(await second[ASYNC_DISPOSE]()).toBeUndefined();
  expect([first.active, second.active]).toEqual([false, false]);
});

test.each([
  ["pause", "POST /sandboxes/sb-1/pause"],
  ["delete", "DELETE /sandboxes/sb-1"],
])("%s through the same handle stops it", async (method, route) => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", hang()).on(route, noContent());
  const onError = jest.fn();
  const held = sandbox.keepAlive({ onError });
  await until(refreshes, ({ length }) => length >= 1);
  await sandbox[method]();
  expect(held.active).toBe(false);
  expect(onError).not.toHaveBeenCalled();
});

test.each([
  ["deleted", gone],
  ["paused", conflict],
  ["failed", conflict],
])("it ends by itself when the sandbox is %s elsewhere", async (state, refusal) => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", refusal);
  server.on("GET /sandboxes/sb-1", json(200, sandboxAnswer({ state, status: state })));
  const onError = jest.fn();
  const held = sandbox.keepAlive({ onError });
  await until(
    () => held.active,
    (active) => !active,
  );
  expect(onError).not.toHaveBeenCalled();
});

test("a refresh that fails for good is told once", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", json(401, errorAnswer(401, "unauthorized", "no")));
  const error = await new Promise((resolve) => sandbox.keepAlive({ onError: resolve }));
  expect(error).toBeInstanceOf(AuthenticationError);
  expect(refreshes()).toHaveLength(1);
});

test("a failure that may pass is repeated", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", reset(), json(503, {}), noContent());
  const onError = jest.fn();
  const held = sandbox.keepAlive({ duration: 60, onError });
  await until(refreshes, ({ length }) => length >= 3);
  await held.stop();
  expect(onError).not.toHaveBeenCalled();
});

test("an onError that throws is a process warning", async () => {
  const sandbox = await created();
  server.on("POST /sandboxes/sb-1/refreshes", json(401, errorAnswer(401, "unauthorized", "no")));
  const warn = jest.spyOn(process, "emitWarning").mockImplementation();
  const mine = new Error("mine");
  sandbox.keepAlive({
    onError: () => {
      throw mine;
    },
  });
  await until(
    () => warn.mock.calls,
    ({ length }) => length > 0,
  );
  expect(warn).toHaveBeenCalledWith(mine);
  warn.mockRestore();
});

test("wrong options are refused before anything is sent", async () => {
  const sandbox = await created();
  const refusal = (options) => {
    try {
      sandbox.keepAlive(options);
    } catch (error) {
      return [error instanceof ValidationError, error.field, error.message];
    }
  };
  expect(refusal({ duration: 0 })).toEqual([true, "duration", "`duration` must be between 1 and 3600 seconds, got 0"]);
  expect(refusal({ onError: "log" })).toEqual([
    true,
    "onError",
    "`onError` must be a function, got a string: pass `(error) => …`",
  ]);
  expect(refusal({ interval: 5 })[1]).toBe("interval");
  expect(refreshes()).toEqual([]);
});

test("it does not keep the process alive", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  server.on("POST /sandboxes/sb-1/refreshes", noContent());
  const script = 'require("./index.js").Sandbox.create().then((sandbox) => sandbox.keepAlive())';
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
});

test("a worker that is ended leaves nothing behind", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  server.on("POST /sandboxes/sb-1/refreshes", noContent());
  const work = `
    const { parentPort } = require("node:worker_threads");
    parentPort.on("message", () => {});
    require("./index.js").Sandbox.create().then((sandbox) => {
      sandbox.keepAlive({ duration: 1 });
      parentPort.postMessage("held");
    });`;
  const script = `
    const { Worker } = require("node:worker_threads");
    require("./index.js");
    const worker = new Worker(${JSON.stringify(work)}, { eval: true });
    worker.on("message", async () => {
      await worker.terminate();
      console.log("ended");
    });`;
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "ended\n", stderr: "" });
});
