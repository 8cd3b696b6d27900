const { CreateManyError, RateLimitError, Sandbox, SandboxClient, SandboxError, ValidationError } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const quota = json(429, errorAnswer(429, "usage_limit", "ten is enough", { reason: "usage_limit" }));
const gone = json(404, errorAnswer(404, "sandbox_not_found", "no such sandbox"));

const created = (id) => json(201, sandboxAnswer({ sandboxID: id }));
const ids = (sandboxes) => sandboxes.map(({ sandboxId }) => sandboxId);
const deletes = () => server.requests.filter(({ method }) => method === "DELETE").map(({ path }) => path.split("/")[2]);

/** A create answer that waits until it is let go. */
function held(id) {
  let letGo;
  const reply = (response) => {
    letGo = () => created(id)(response);
  };
  return { reply, letGo: () => letGo() };
}

describe("createMany", () => {
  test("creates as many as asked for, all alike", async () => {
    server.on("POST /sandboxes", created("sb-1"), created("sb-2"), created("sb-3"));
    const options = { timeout: 60, metadata: { run: "42" } };
    const sandboxes = await Sandbox.createMany(3, "tpl-7", { ...options, concurrency: 1 });
    expect(sandboxes.every((sandbox) => sandbox instanceof Sandbox)).toBe(true);
    expect(ids(sandboxes)).toEqual(["sb-1", "sb-2", "sb-3"]);
    expect(sandboxes[2].metadata).toEqual({ run: "42" });
    expect(server.requests.map(({ body }) => body)).toEqual(Array(3).fill({ templateID: "tpl-7", ...options }));
    const keys = server.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(3);
  });

  test("the template may be left out, and none is fine", async () => {
    server.on("POST /sandboxes", created("sb-1"));
    expect(await Sandbox.createMany(1)).toHaveLength(1);
    expect(await Sandbox.createMany(1, { templateID: "tpl-7" })).toHaveLength(1);
    expect(await Sandbox.createMany(0)).toEqual([]);
    expect(server.requests.map(({ body }) => body)).toEqual([{ templateID: "base" }, { templateID: "tpl-7" }]);
  });

  test("no more are in flight than concurrency says, 8 unless it says", async () => {
    for (const [options, limit] of [
      [{}, 8],
      [{ concurrency: 3 }, 3],
    ]) {
      let most = 0;
      const waiting = [];
      const letGo = () => {
        most = Math.max(most, waiting.length);
        for (const response of waiting.splice(0)) created("sb-1")(response);
      };
      const last = server.requests.length + 30;
      server.on("POST /sandboxes", (response) => {
        waiting.push(response);
        // One more than there may be would have come by then.
        if (waiting.length === limit || server.requests.length === last) setImmediate(letGo);
      });
      await Sandbox.createMany(30, "base", options);
      expect(most).toBe(limit);
    }
  });

  test("progress is told as it happens", async () => {
    const last = held("sb-1");
    const told = [];
    server.on("POST /sandboxes", last.reply, created("sb-2"));
    const onProgress = (progress) => {
      told.push(progress);
      if (told.length === 1) last.letGo();
    };
    expect(await Sandbox.createMany(2, "base", { onProgress })).toHaveLength(2);
    expect(told).toEqual([
      { created: 1, failed: 0, total: 2 },
      { created: 2, failed: 0, total: 2 },
    ]);
  });

  test("if one can't be created, those that were are deleted, and the error tells all", async () => {
    server.on("POST /sandboxes", created("sb-1"), created("sb-2"), quota);
    server.on("DELETE /sandboxes/sb-1", noContent()).on("DELETE /sandboxes/sb-2", gone);
    const error = await errorOf(Sandbox.createMany(9, "base", { concurrency: 1 }));
    expect(error).toBeInstanceOf(CreateManyError);
    expect(error).toBeInstanceOf(SandboxError);
    expect(error.message).toBe(
      "1 of 9 sandboxes could not be created; 2 that were created are deleted again: ten is enough",
    );
    expect(error).toMatchObject({ kind: "create_many", retryable: false, created: ["sb-1", "sb-2"] });
    expect(error.errors).toEqual([expect.any(RateLimitError)]);
    expect(error.cause).toBe(error.errors[0]);
    expect(error.cleanup).toEqual({ deleted: ["sb-1", "sb-2"], failed: [] });
    expect(deletes()).toEqual(["sb-1", "sb-2"]);
    expect(server.requests.filter(({ method }) => method === "POST")).toHaveLength(3);
  });

  test("what can't be deleted again is named", async () => {
    server.on("POST /sandboxes", created("sb-1"), quota);
    server.on("DELETE /sandboxes/sb-1", json(501, errorAnswer(501, "broken", "can't delete")));
    const error = await errorOf(Sandbox.createMany(2, "base", { concurrency: 1 }));
    expect(error.message).toContain("1 could not be deleted again: `cleanup.failed` names them");
    expect(error.cleanup.failed).toEqual([{ sandboxId: "sb-1", error: expect.any(SandboxError) }]);
  });

  test("one that does not become ready is deleted as well", async () => {
    const failed = { status: "failed", state: "failed" };
    server.on("POST /sandboxes", json(201, sandboxAnswer({ sandboxID: "sb-1", ...failed })));
    server.on("DELETE /sandboxes/sb-1", noContent());
    const error = await errorOf(Sandbox.createMany(1, "base", { waitReady: true }));
    expect(error.errors[0].name).toBe("ReadinessError");
    expect(deletes()).toContain("sb-1");
  });

  test("with onFailure keep, the others are tried and stay", async () => {
    server.on("POST /sandboxes", created("sb-1"), quota, created("sb-3"));
    const report = await Sandbox.createMany(3, "base", { concurrency: 1, onFailure: "keep" });
    expect(ids(report.sandboxes)).toEqual(["sb-1", "sb-3"]);
    expect(report.errors).toEqual([expect.any(RateLimitError)]);
    expect(deletes()).toEqual([]);
  });

  test.each([
    [[undefined], "count", "`count` must be a whole number between 0 and 1000 sandboxes, got undefined"],
    [[1001], "count", "`count` must be between 0 and 1000 sandboxes, got 1001"],
    [[1, "base", { concurrency: 65 }], "concurrency", "`concurrency` must be between 1 and 64 creates, got 65"],
    [[1, "base", { onFailure: "kep" }], "onFailure", 'did you mean "keep"?'],
    [[1, "base", { onProgress: 1 }], "onProgress", "`onProgress` must be a function, got a number"],
    [[1, "base", { timeoutMs: 1 }], "timeoutMs", "use `timeout`, in seconds"],
    [[1, "base", { onTimeline: () => {} }], "onTimeline", "is not a field of create options"],
  ])("%p is refused before anything is sent", async (args, field, message) => {
    const error = await errorOf(Sandbox.createMany(...args));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.field).toBe(field);
    expect(error.message).toContain(message);
    expect(server.requests).toEqual([]);
  });

  test("a client and a subclass have it, too", async () => {
    class Workspace extends Sandbox {}
    server.on("POST /sandboxes", created("sb-1"));
    expect((await Workspace.createMany(1))[0]).toBeInstanceOf(Workspace);
    expect(ids(await new SandboxClient(server.clientOptions).createMany(1))).toEqual(["sb-1"]);
  });
});

describe("deleteAll", () => {
  const listed = (...found) => found.map((id) => sandboxAnswer({ sandboxID: id, metadata: { run: "42" } }));
  const none = json(200, []);

  test("deletes what matches, of all pages, and takes what is gone for done", async () => {
    const first = json(200, listed("sb-1", "sb-2"), { "x-next-token": "Mg", "x-has-next": "true" });
    server.on("GET /sandboxes", first, json(200, listed("sb-3")), none);
    server.on("DELETE /sandboxes/sb-1", noContent()).on("DELETE /sandboxes/sb-2", gone);
    server.on("DELETE /sandboxes/sb-3", noContent());
    const report = await Sandbox.deleteAll({ metadata: { run: "42" }, state: ["running", "paused"] });
    expect(report).toEqual({ deleted: ["sb-1", "sb-2", "sb-3"], failed: [] });
    expect(server.requests[0].url).toContain("?metadata=run%3D42&state=running&state=paused");
    expect(server.requests[1].query.nextToken).toBe("Mg");
  });

  test("looks again, as pages move while they are read", async () => {
    server.on("GET /sandboxes", json(200, listed("sb-1")), json(200, listed("sb-1", "sb-2")), none);
    server.on("DELETE /sandboxes/sb-1", noContent()).on("DELETE /sandboxes/sb-2", noContent());
    expect((await Sandbox.deleteAll({ metadata: { run: "42" } })).deleted).toEqual(["sb-1", "sb-2"]);
    expect(deletes()).toEqual(["sb-1", "sb-2"]);
  });

  test("what can't be deleted is in the report, and the others are deleted", async () => {
    server.on("GET /sandboxes", json(200, listed("sb-1", "sb-2")));
    server.on("DELETE /sandboxes/sb-1", json(403, errorAnswer(403, "forbidden", "not yours")));
    server.on("DELETE /sandboxes/sb-2", noContent());
    const { deleted, failed } = await Sandbox.deleteAll({ metadata: { run: "42" }, concurrency: 1 });
    expect(deleted).toEqual(["sb-2"]);
    expect(failed).toEqual([{ sandboxId: "sb-1", error: expect.objectContaining({ statusCode: 403 }) }]);
  });

  test("a service that does not filter costs nobody else a sandbox", async () => {
    const other = sandboxAnswer({ sandboxID: "sb-9", metadata: { run: "41" } });
    server.on("GET /sandboxes", json(200, [...listed("sb-1"), other])).on("DELETE /sandboxes/sb-1", noContent());
    expect((await Sandbox.deleteAll({ metadata: { run: "42" } })).deleted).toEqual(["sb-1"]);
  });

  test.each([[undefined], [{}], [{ metadata: {} }], [{ state: "running" }]])(
    "%p has no metadata, and is refused",
    async (options) => {
      const error = await errorOf(Sandbox.deleteAll(options));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.field).toBe("metadata");
      expect(error.message).toContain('pass what those to delete have, as {app: "demo"}');
      expect(server.requests).toEqual([]);
    },
  );

  test("a client has it, too", async () => {
    server.on("GET /sandboxes", none);
    const client = new SandboxClient(server.clientOptions);
    expect(await client.deleteAll({ metadata: { run: "42" } })).toEqual({ deleted: [], failed: [] });
  });
});
