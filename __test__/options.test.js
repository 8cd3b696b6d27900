const { Sandbox, SandboxClient, ValidationError } = require("..");
const { errorOf } = require("./support/outcome.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

const running = { sandboxID: "sb-1", state: "running" };

beforeEach(() => {
  server.on("POST /sandboxes", json(201, running)).on("GET /sandboxes/sb-1", json(200, running));
});

/** The body that a create with these options sends. */
async function sent(options) {
  await Sandbox.create(options);
  return server.requests[0].body;
}

class Defaults {
  timeout = 60;

  get metadata() {
    return new Labels();
  }

  method() {}
}

class Labels {
  get app() {
    return "demo";
  }
}

class Own extends Defaults {
  get autoPause() {
    return true;
  }
}

test("options of a class count with what it inherits and computes", async () => {
  const expected = { templateID: "base", timeout: 60, autoPause: true, metadata: { app: "demo" } };
  expect(await sent(new Own())).toEqual(expected);
});

test("options count that stand in a prototype", async () => {
  expect(await sent(Object.create({ timeout: 60 }))).toEqual({ templateID: "base", timeout: 60 });
  server.requests = [];
  expect(await sent(Object.create(null, { timeout: { value: 61, enumerable: true } }))).toMatchObject({ timeout: 61 });
});

test("metadata that a class computes is the handle's as well", async () => {
  const sandbox = await Sandbox.create({ metadata: new Labels() });
  expect(sandbox.metadata).toEqual({ app: "demo" });
});

test("each option is read once", async () => {
  const timeout = jest.fn(() => 60);
  await Sandbox.create(Object.defineProperty({}, "timeout", { get: timeout, enumerable: true }));
  expect(timeout).toHaveBeenCalledTimes(1);
});

const CALLS = {
  create: (options) => Sandbox.create("base", options),
  "create with callbacks": (options) => Sandbox.createMany(2, "base", options),
  connect: (options) => Sandbox.connect("sb-1", options),
  getInfo: (options) => Sandbox.getInfo("sb-1", options),
  list: (options) => Sandbox.list(options),
  setTimeout: (options) => Sandbox.setTimeout("sb-1", 60, options),
  "a handle's call": async (options) => (await Sandbox.create()).reload(options),
  "commands.run": async (options) => (await Sandbox.create()).commands.run("ls", options),
  "files.read": async (options) => (await Sandbox.create()).files.read("a", options),
  "files.write": async (options) => (await Sandbox.create()).files.write([{ path: "a", data: "b" }], options),
  runCode: async (options) => (await Sandbox.create()).runCode("1", options),
  proxy: async (options) => (await Sandbox.create()).proxy({ port: 80 }, options),
  "pty.create": async (options) => (await Sandbox.create()).pty.create("sh", options),
  "a client": async (options) => new SandboxClient(options),
};

describe.each(Object.entries(CALLS))("%s", (_name, call) => {
  test.each([
    ["a Map", new Map([["timeout", 60]])],
    ["a Date", new Date()],
    ["a Set", new Set()],
    ["an array", [60]],
    ["a string", "fast"],
  ])("refuses %s as options", async (kind, options) => {
    const error = await errorOf(call(options));
    expect(error.message).toContain(`must be an object, got ${kind}`);
  });

  test("says which error a property of the options throws", async () => {
    const cause = new Error("not now");
    const options = {
      get requestTimeoutMs() {
        throw cause;
      },
    };
    const error = await errorOf(call(options));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.cause).toBe(cause);
  });
});

test.each([
  ["a value", { metadata: { app: "\ud800" } }, "half a surrogate pair"],
  ["a name", { metadata: { "\udc00": "x" } }, "half a surrogate pair"],
  ["a template", { templateID: "\ud800" }, "half a surrogate pair"],
  ["a nested Map", { metadata: new Map() }, "must be an object of strings, got a Map"],
  ["a nested Date", { metadata: { at: new Date() } }, "must be a string, got a Date"],
])("%s that JSON can't hold is refused", async (_what, options, message) => {
  const error = await errorOf(Sandbox.create(options));
  expect(error).toBeInstanceOf(ValidationError);
  expect(`${error.message} ${error.cause?.message}`).toContain(message);
  expect(server.requests).toEqual([]);
});

describe("headers", () => {
  const headersOf = () => server.requests[0].headers;

  test("a Headers of a call counts beside an object of the client", async () => {
    const client = new SandboxClient({ headers: { "x-app": "client", "x-team": "a" } });
    await client.getInfo("sb-1", { headers: new Headers({ "X-App": "call", "x-own": "1" }) });
    expect(headersOf()).toMatchObject({ "x-app": "call", "x-team": "a", "x-own": "1" });
  });

  test("a Headers of the client counts", async () => {
    const client = new SandboxClient({ headers: new Headers({ "x-app": "client" }) });
    await client.getInfo("sb-1", { headers: { "x-own": "1" } });
    expect(headersOf()).toMatchObject({ "x-app": "client", "x-own": "1" });
  });

  test("a Map is no object of strings", async () => {
    const client = new SandboxClient({ headers: { "x-app": "client" } });
    const error = await errorOf(client.getInfo("sb-1", { headers: new Map([["x-own", "1"]]) }));
    expect(error.message).toContain("`headers` must be an object of strings, got a Map");
  });
});
