const { getEventListeners } = require("node:events");
const { Sandbox } = require("..");
const { onAbort } = require("../lib/signal.js");
const { errorOf, until } = require("./support/outcome.js");
const { hang, json, noContent, scriptedServer, text } = require("./support/scripted-server.js");

const server = scriptedServer();

/** A sandbox whose runtime is the scripted server as well. */
async function connected() {
  const answer = { sandboxID: "sb-1", state: "running", envdUrl: `${server.url}/e`, envdAccessToken: "token-1" };
  const entry = { name: ".", type: "FILE_TYPE_DIRECTORY", path: "/root/workspace", size: 0 };
  server
    .on("POST /sandboxes/sb-1/connect", json(200, answer))
    .on("POST /e/filesystem.Filesystem/Stat", json(200, { entry }));
  return await Sandbox.connect("sb-1");
}

/** Answers with a first piece, and goes on for ever. */
const endless = (response) => response.writeHead(200).write("first");

const FALSY = [null, 0, "", false];

test.each(FALSY)("the body of a proxied answer fails when its signal aborts with %j", async (reason) => {
  server.on("GET /e/proxy/3000/", endless);
  const sandbox = await connected();
  const controller = new AbortController();
  const response = await sandbox.proxy({ port: 3_000 }, { signal: controller.signal });
  const reader = response.body.getReader();
  expect(Buffer.from((await reader.read()).value).toString()).toBe("first");
  const rest = reader.read();
  controller.abort(reason);
  expect(await errorOf(rest)).toBe(reason);
});

test.each(FALSY)("a stream of a file fails when its signal aborts with %j", async (reason) => {
  server.on("GET /e/files", endless);
  const sandbox = await connected();
  const controller = new AbortController();
  const stream = await sandbox.files.read("a", { format: "stream", signal: controller.signal });
  const read = errorOf(stream.toArray());
  controller.abort(reason);
  expect(await read).toMatchObject({ name: "AbortError", code: "ABORT_ERR", cause: reason });
});

test.each(FALSY)("a call rejects with the reason %j", async (reason) => {
  server.on("GET /sandboxes/sb-1", hang());
  const controller = new AbortController();
  const call = Sandbox.getInfo("sb-1", { signal: controller.signal });
  await until(() => server.requests.length, Boolean);
  controller.abort(reason);
  expect(await errorOf(call)).toBe(reason);
});

test("a signal that has aborted already is seen by whoever comes to listen", () => {
  const abort = jest.fn();
  onAbort(AbortSignal.abort(), abort);
  expect(abort).toHaveBeenCalledTimes(1);
});

describe("listeners of a signal", () => {
  const listeners = (signal) => getEventListeners(signal, "abort").length;
  let warn;

  beforeEach(() => {
    warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  });

  afterEach(() => {
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test("many calls at once are one listener, and none once they have ended", async () => {
    server.on("GET /sandboxes/sb-1", hang());
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: 20 }, () => errorOf(Sandbox.getInfo("sb-1", { signal })));
    await until(
      () => server.requests.length,
      (count) => count === 20,
    );
    expect(listeners(signal)).toBe(1);
    controller.abort();
    expect(await Promise.all(calls)).toEqual(calls.map(() => signal.reason));
    expect(listeners(signal)).toBe(0);
  });

  test.each([
    ["succeeds", json(201, { sandboxID: "sb-1", state: "running" })],
    ["fails", json(400, { message: "no" })],
  ])("a call that reports on its way leaves none when it %s", async (_how, reply) => {
    server.on("POST /sandboxes", reply);
    const { signal } = new AbortController();
    for (let time = 0; time < 11; time++) {
      await Sandbox.create({ onTimeline: () => {}, signal }).catch(() => {});
      await Sandbox.createMany(1, { onProgress: () => {}, signal }).catch(() => {});
    }
    expect(listeners(signal)).toBe(0);
  });

  test("what comes piece by piece leaves none", async () => {
    server
      .on("GET /e/files", text(200, "content"))
      .on("GET /e/proxy/3000/", text(200, "content"))
      .on("POST /sandboxes/sb-1/refreshes", noContent())
      .on("GET /sandboxes/sb-1/logs", json(200, { logs: [{ message: "a" }], nextCursor: 1 }));
    const sandbox = await connected();
    const { signal } = new AbortController();
    await (await sandbox.files.read("a", { format: "stream", signal })).toArray();
    await (await sandbox.proxy({ port: 3_000, signal })).text();
    await sandbox.keepAlive({ signal }).stop();
    for await (const _line of sandbox.logs({ follow: true, signal })) break;
    await until(
      () => listeners(signal),
      (count) => count === 0,
    );
  });
});

test("a request body that never ends is given up when the signal aborts", async () => {
  const sandbox = await connected();
  const controller = new AbortController();
  const reason = new Error("enough");
  let asked = 0;
  const body = new ReadableStream({ pull: () => (asked++ === 0 ? undefined : new Promise(() => {})) });
  const call = sandbox.proxy({ port: 3_000, method: "POST", body, signal: controller.signal });
  controller.abort(reason);
  expect(await errorOf(call)).toBe(reason);
});
