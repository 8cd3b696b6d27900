const ts = require("typescript");
const { Sandbox, SandboxClient, ServerError, ValidationError } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

const lines = () => server.requests.map(({ method, path }) => `${method} ${path}`);
const CREATE_AND_DELETE = ["POST /sandboxes", "DELETE /sandboxes/sb-1"];

beforeEach(() => {
  server.on("POST /sandboxes", json(201, sandboxAnswer())).on("DELETE /sandboxes/sb-1", noContent());
});

/** An asynchronous function from a text with `await using`, which TypeScript makes ready for this Node.js. */
function transpiled(body) {
  const code = ts.transpile(`async function scope(Sandbox) {${body}}`, { target: ts.ScriptTarget.ES2022 });
  return new Function("Symbol", `${code}; return scope;`)({ asyncDispose: ASYNC_DISPOSE });
}

test("await using deletes the sandbox at the end of its scope", async () => {
  const scope = transpiled("await using sandbox = await Sandbox.create(); return sandbox.sandboxId;");
  expect(await scope(Sandbox)).toBe("sb-1");
  expect(lines()).toEqual(CREATE_AND_DELETE);
});

test("a sandbox that is gone by the end of its scope is fine", async () => {
  server.on("DELETE /sandboxes/sb-1", json(404, errorAnswer(404, "sandbox_not_found", "no sandbox sb-1")));
  const sandbox = await Sandbox.create();
  expect(await sandbox[ASYNC_DISPOSE]()).toBeUndefined();
});

test("with gives the sandbox to a callback, deletes it, and gives back the result", async () => {
  const options = { timeout: 60, metadata: { a: "b" } };
  const result = await Sandbox.with("tpl-7", options, async (sandbox) => [sandbox.sandboxId, lines().length]);
  expect(result).toEqual(["sb-1", 1]);
  expect(lines()).toEqual(CREATE_AND_DELETE);
  expect(server.requests[0].body).toEqual({ templateID: "tpl-7", ...options });
});

test("template and options of with may be left out", async () => {
  await Sandbox.with(() => {});
  await Sandbox.with("tpl-7", () => {});
  await Sandbox.with({ timeout: 60 }, () => {});
  const bodies = server.requests.map(({ body }) => body).filter(Boolean);
  expect(bodies).toEqual([{ templateID: "base" }, { templateID: "tpl-7" }, { templateID: "base", timeout: 60 }]);
});

test("what the callback throws is thrown, once the sandbox is deleted", async () => {
  const mine = new Error("mine");
  const call = Sandbox.with(async () => {
    throw mine;
  });
  expect(await errorOf(call)).toBe(mine);
  expect(mine.suppressed).toBeUndefined();
  expect(lines()).toEqual(CREATE_AND_DELETE);
});

test("a delete that fails does not hide what the callback threw", async () => {
  server.on("DELETE /sandboxes/sb-1", json(501, errorAnswer(501, "broken", "can't delete")));
  const mine = new Error("mine");
  const call = Sandbox.with(() => {
    throw mine;
  });
  expect(await errorOf(call)).toBe(mine);
  expect(mine.suppressed).toBeInstanceOf(ServerError);
});

test("where the callback's error can't hold it, the failed delete is a warning", async () => {
  server.on("DELETE /sandboxes/sb-1", json(501, errorAnswer(501, "broken", "can't delete")));
  const warn = jest.spyOn(process, "emitWarning").mockImplementation();
  for (const thrown of ["text", null, Object.freeze(new Error("frozen"))]) {
    expect(await errorOf(Sandbox.with(() => Promise.reject(thrown)))).toBe(thrown);
  }
  expect(warn).toHaveBeenCalledTimes(3);
  expect(warn).toHaveBeenCalledWith(expect.any(ServerError));
  warn.mockRestore();
});

test("a delete that fails alone is told", async () => {
  server.on("DELETE /sandboxes/sb-1", json(501, errorAnswer(501, "broken", "can't delete")));
  expect(await errorOf(Sandbox.with(() => "result"))).toBeInstanceOf(ServerError);
});

describe("what an earlier create made under the same key is left alone", () => {
  const key = { idempotencyKey: "order-7" };

  beforeEach(() => {
    server.on("POST /sandboxes", json(201, sandboxAnswer(), { "Idempotency-Replayed": "true" }));
  });

  test.each([
    ["with", () => Sandbox.with(key, ({ sandboxId }) => sandboxId)],
    [
      "with, which tells of the timeline",
      () => Sandbox.with({ ...key, onTimeline() {} }, ({ sandboxId }) => sandboxId),
    ],
    [
      "await using",
      () =>
        transpiled("await using it = await Sandbox.create({ idempotencyKey: 'order-7' }); return it.sandboxId;")(
          Sandbox,
        ),
    ],
  ])("%s", async (_what, run) => {
    expect(await run()).toBe("sb-1");
    expect(lines()).toEqual(["POST /sandboxes"]);
  });

  test("with, whose callback throws", async () => {
    const mine = new Error("mine");
    expect(await errorOf(Sandbox.with(key, () => Promise.reject(mine)))).toBe(mine);
    expect(lines()).toEqual(["POST /sandboxes"]);
  });

  test("but not by delete()", async () => {
    await Sandbox.with(key, (sandbox) => sandbox.delete());
    expect(lines()).toEqual(CREATE_AND_DELETE);
  });

  test("under a key that the call made for itself, it is the call's own", async () => {
    await Sandbox.with(() => {});
    expect(lines()).toEqual(CREATE_AND_DELETE);
  });
});

test("with needs a callback, and says so before anything is sent", async () => {
  const error = await errorOf(Sandbox.with("base", { timeout: 60 }));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("use");
  expect(error.message).toBe(
    "`use` must be a function, got an object: pass `async (sandbox) => …` as the last argument",
  );
  expect(server.requests).toEqual([]);
});

test("a client and a subclass have with, too", async () => {
  class Workspace extends Sandbox {}
  expect(await Workspace.with((sandbox) => sandbox)).toBeInstanceOf(Workspace);
  expect(await new SandboxClient(server.clientOptions).with(({ sandboxId }) => sandboxId)).toBe("sb-1");
  expect(lines()).toEqual([...CREATE_AND_DELETE, ...CREATE_AND_DELETE]);
});
