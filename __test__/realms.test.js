const sandbar = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

const { APIError, NotFoundError, Sandbox, SandboxError, ServerError, ValidationError } = sandbar;
const server = scriptedServer();

/** The package as another module registry has it. */
function anotherCopy() {
  let copy;
  jest.isolateModules(() => {
    copy = require("..");
  });
  return copy;
}

test("what a call gives back belongs to the realm of its caller", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer({ metadata: { a: "b" }, timeline: [] })));
  const promise = Sandbox.create();
  expect(promise).toBeInstanceOf(Promise);
  const sandbox = await promise;
  expect(sandbox).toBeInstanceOf(Sandbox);
  expect(sandbox.endAt).toBeInstanceOf(Date);
  expect(sandbox.timeline).toBeInstanceOf(Array);
  expect(sandbox.metadata).toBeInstanceOf(Object);
});

test("what a call fails with belongs to the realm of its caller", async () => {
  server.on("GET /sandboxes/sb-1", json(404, errorAnswer(404, "sandbox_not_found", "gone")));
  const error = await errorOf(Sandbox.getInfo("sb-1"));
  expect(error).toBeInstanceOf(NotFoundError);
  expect(error).toBeInstanceOf(Error);
  expect(Object.prototype.toString.call(error)).toBe("[object Error]");
});

test("errors of two registries are instances of each other's classes", async () => {
  const copy = anotherCopy();
  expect(copy.NotFoundError).not.toBe(NotFoundError);
  server.on("GET /sandboxes/sb-1", json(404, errorAnswer(404, "sandbox_not_found", "gone")));
  const error = await errorOf(copy.Sandbox.getInfo("sb-1"));
  expect(error).toBeInstanceOf(NotFoundError);
  expect(error).toBeInstanceOf(APIError);
  expect(error).toBeInstanceOf(SandboxError);
  expect(error).not.toBeInstanceOf(ServerError);
  expect(error).not.toBeInstanceOf(ValidationError);
});

test("a user's subclass matches its own instances only", () => {
  class MyError extends SandboxError {}
  class NotFound extends NotFoundError {}
  expect(new MyError("mine")).toBeInstanceOf(MyError);
  expect(new MyError("mine")).toBeInstanceOf(SandboxError);
  expect(new SandboxError("base")).not.toBeInstanceOf(MyError);
  expect(new NotFoundError("gone")).not.toBeInstanceOf(NotFound);
  expect(new NotFound("gone")).toBeInstanceOf(anotherCopy().NotFoundError);
});

test.each([[undefined], [null], [1], ["text"], [{}], [new Error("plain")]])("%p is no SandboxError", (value) => {
  expect(value instanceof SandboxError).toBe(false);
});

test("an error can be made by hand, for a test of one's own", () => {
  const error = new NotFoundError("gone", { statusCode: 404, sandboxId: "sb-1", cause: new Error("beneath") });
  expect(error).toMatchObject({ name: "NotFoundError", message: "gone", statusCode: 404, sandboxId: "sb-1" });
  expect(error.cause.message).toBe("beneath");
  expect(`${error}`).toBe("NotFoundError: gone");
});
