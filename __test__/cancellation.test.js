const { ReadinessError, RequestTimeoutError, Sandbox, ValidationError } = require("..");
const { runNode } = require("./support/child.js");
const { errorOf } = require("./support/outcome.js");
const { hang, json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

const starting = { sandboxID: "sb-1", state: "starting" };
const running = { sandboxID: "sb-1", state: "running" };

/** Waits until the server has seen so many requests. */
async function seen(count) {
  while (server.requests.length < count) await new Promise(setImmediate);
}

function lines() {
  return server.requests.map(({ method, path }) => `${method} ${path}`);
}

test("a call that is aborted rejects with the signal's reason and closes its connection", async () => {
  let closed;
  server.on("GET /sandboxes/sb-1", (_response, request) => {
    closed = new Promise((resolve) => request.socket.once("close", resolve));
  });
  const controller = new AbortController();
  const call = Sandbox.getInfo("sb-1", { signal: controller.signal });
  await seen(1);
  const reason = new Error("the user went away");
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
  await closed;
});

test("an aborted signal stops a call before anything is sent", async () => {
  const error = await errorOf(Sandbox.create({ signal: AbortSignal.abort() }));
  expect(error.name).toBe("AbortError");
  expect(server.requests).toEqual([]);
});

test("a signal by time ends a call as well", async () => {
  server.on("POST /sandboxes/sb-1/pause", hang());
  const error = await errorOf(Sandbox.pause("sb-1", { signal: AbortSignal.timeout(50) }));
  expect(error.name).toBe("TimeoutError");
});

test("the wait for readiness stops, and the sandbox is deleted", async () => {
  server
    .on("POST /sandboxes", json(201, starting))
    .on("GET /sandboxes/sb-1", json(200, starting))
    .on("DELETE /sandboxes/sb-1", noContent());
  const controller = new AbortController();
  const create = Sandbox.create({ waitReady: true, signal: controller.signal });
  await seen(3);
  controller.abort();
  await expect(create).rejects.toBe(controller.signal.reason);
  while (lines().at(-1) !== "DELETE /sandboxes/sb-1") await new Promise(setImmediate);
});

test("a sandbox that fails to start is deleted, unless it is to be kept", async () => {
  const failed = { sandboxID: "sb-1", state: "failed", diagnostic: { reason: "start_failed", message: "no memory" } };
  server.on("POST /sandboxes", json(201, failed)).on("DELETE /sandboxes/sb-1", noContent());
  const error = await errorOf(Sandbox.create({ waitReady: true }));
  expect(error).toBeInstanceOf(ReadinessError);
  expect(error).toMatchObject({ sandboxId: "sb-1", sandboxDeleted: true, diagnostic: { reason: "start_failed" } });
  expect(lines()).toEqual(["POST /sandboxes", "DELETE /sandboxes/sb-1"]);
  const kept = await errorOf(Sandbox.create({ waitReady: true, keepOnFailure: true }));
  expect(kept.sandboxDeleted).toBeUndefined();
  expect(lines()).toHaveLength(3);
  expect(server.requests[2].body).toEqual({ templateID: "base", waitReady: true });
});

test("a paused sandbox of an earlier create under the same key is left alone, and the error says so", async () => {
  const paused = { sandboxID: "sb-1", state: "paused" };
  server.on("POST /sandboxes", json(201, paused, { "Idempotency-Replayed": "true" }));
  const error = await errorOf(Sandbox.create({ waitReady: true, idempotencyKey: "order-7" }));
  expect(error).toBeInstanceOf(ReadinessError);
  expect(error).toMatchObject({ kind: "not_ready", sandboxId: "sb-1", state: "paused", sandboxDeleted: false });
  expect(error.message).toContain("connect() resumes it");
  expect(error.message).not.toContain("deleted");
  expect(lines()).toEqual(["POST /sandboxes"]);
});

test("a create whose answer is lost says so, with its key", async () => {
  server.on("POST /sandboxes", hang());
  const error = await errorOf(Sandbox.create({ requestTimeoutMs: 50, idempotencyKey: "order-7", keepOnFailure: true }));
  expect(error).toBeInstanceOf(RequestTimeoutError);
  expect(error).toMatchObject({ kind: "request_timeout", outcomeUnknown: true, idempotencyKey: "order-7" });
  expect(server.requests[0].headers["idempotency-key"]).toBe("order-7");
});

test("a signal stays out of what is sent, and out of the handle", async () => {
  server.on("POST /sandboxes", json(201, running)).on("POST /sandboxes/sb-1/refreshes", noContent());
  const controller = new AbortController();
  const sandbox = await Sandbox.create({ signal: controller.signal });
  expect(server.requests[0].body).toEqual({ templateID: "base" });
  controller.abort();
  await sandbox.refresh();
});

test.each([["text"], [7], [{ aborted: false }]])("%p is no signal", async (signal) => {
  const error = await errorOf(Sandbox.create({ signal }));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("signal");
  expect(error.message).toContain("must be an AbortSignal");
  expect(server.requests).toEqual([]);
});

describe("what goes on beyond one call ends by a signal as well", () => {
  const detail = { ...running, timeline: [{ phase: "created", status: "completed" }] };
  const sandboxOf = async () => {
    server.on("POST /sandboxes", json(201, running)).on("GET /sandboxes/sb-1", json(200, detail));
    return await Sandbox.create();
  };

  test.each([
    ["a followed log", (sandbox, signal) => sandbox.logs({ follow: true, signal })],
    ["a watched timeline", (sandbox, signal) => sandbox.watch({ signal })],
  ])("%s", async (_what, open) => {
    const sandbox = await sandboxOf();
    server.on("GET /sandboxes/sb-1/logs", json(200, { logs: [{ message: "hello" }], nextCursor: 1 }), hang());
    const controller = new AbortController();
    const reason = new Error("enough");
    const read = async () => {
      for await (const _item of open(sandbox, controller.signal)) controller.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
  });

  test("keepAlive", async () => {
    const sandbox = await sandboxOf();
    server.on("POST /sandboxes/sb-1/refreshes", noContent());
    const controller = new AbortController();
    const held = sandbox.keepAlive({ signal: controller.signal });
    expect(held.active).toBe(true);
    controller.abort();
    expect(held.active).toBe(false);
    await held.stop();
    expect(() => sandbox.keepAlive({ signal: controller.signal })).toThrow(controller.signal.reason);
  });

  test("createMany deletes what it has created", async () => {
    let refuse;
    const asked = new Promise((resolve) => {
      const second = (response) => {
        refuse = () => json(422, { message: "no such template" })(response);
        resolve();
      };
      server.on("POST /sandboxes", json(201, running), second).on("DELETE /sandboxes/sb-1", noContent());
    });
    const controller = new AbortController();
    const many = Sandbox.createMany(3, { concurrency: 1, signal: controller.signal });
    await asked;
    controller.abort();
    await expect(many).rejects.toBe(controller.signal.reason);
    while (!lines().includes("DELETE /sandboxes/sb-1")) await new Promise(setImmediate);
    refuse();
  });

  test("a create that tells of its timeline", async () => {
    server
      .on("POST /sandboxes", json(201, starting))
      .on("GET /sandboxes/sb-1", json(200, { ...starting, timeline: detail.timeline }))
      .on("DELETE /sandboxes/sb-1", noContent());
    const controller = new AbortController();
    const reason = new Error("enough");
    const onTimeline = () => controller.abort(reason);
    const create = Sandbox.create({ waitReady: true, onTimeline, signal: controller.signal });
    await expect(create).rejects.toBe(reason);
    while (lines().at(-1) !== "DELETE /sandboxes/sb-1") await new Promise(setImmediate);
  });
});

test("a process does not end before what its aborted create has made is deleted", async () => {
  let answer;
  const asked = new Promise((resolve) => {
    server.on("POST /sandboxes", (response) => {
      answer = () => json(201, running)(response);
      resolve();
    });
  });
  server.on("DELETE /sandboxes/sb-1", noContent());
  // Its answer comes when the child has aborted it, and says so.
  server.on("GET /sandboxes/sb-1", (response) => {
    json(200, running)(response);
    answer();
  });
  const script = `
    const { Sandbox } = require(".");
    const controller = new AbortController();
    process.stdin.once("data", () => { controller.abort(); process.stdin.destroy(); });
    Sandbox.create({ signal: controller.signal }).catch(() => Sandbox.getInfo("sb-1"));
  `;
  expect(await runNode(["-e", script], { env: server.environment, input: asked })).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(lines()).toEqual(["POST /sandboxes", "GET /sandboxes/sb-1", "DELETE /sandboxes/sb-1"]);
});
