const { Sandbox, SandboxClient, ValidationError } = require("..");
const { sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

async function refusalOf(promise) {
  const error = await errorOf(promise);
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.kind).toBe("validation");
  expect(error.retryable).toBe(false);
  expect(server.requests).toEqual([]);
  return error;
}

describe("a stale field is refused with its replacement, and nothing is sent", () => {
  test.each([
    ["timeoutMs", "`timeoutMs` is not accepted: use `timeout`, in seconds"],
    ["autoResume", "`autoResume` is not accepted: call connect() on the paused sandbox, which resumes it"],
    ["secure", "`secure` is not accepted: leave it out: every sandbox has an access token"],
    ["allow_internet_access", "`allow_internet_access` is not accepted: leave it out: the server decides"],
    [
      "network",
      "`network` is not accepted: leave it out: the server decides about network access, and the local engine gives none",
    ],
    ["mcp", "`mcp` is not accepted: leave it out and start the MCP server as a command inside the sandbox"],
    ["volume_mounts", "`volume_mounts` is not accepted: use a template that has the volume"],
    ["volumeMounts", "`volumeMounts` is not accepted: use a template that has the volume"],
  ])("%s", async (field, message) => {
    const error = await refusalOf(Sandbox.create("base", { [field]: 1 }));
    expect(error.message).toContain(message);
    expect(error.field).toBe(field);
  });

  test("in connect as well", async () => {
    const error = await refusalOf(Sandbox.connect("sb-1", { timeoutMs: 1 }));
    expect(error.message).toBe("`timeoutMs` is not accepted: use `timeout`, in seconds");
  });
});

describe("an unknown field names the nearest known one", () => {
  test.each([
    ["envs", "use `envVars`"],
    ["timeuot", "did you mean `timeout`?"],
    ["meta", "use `metadata`"],
    ["colour", "known are"],
  ])("%s", async (field, hint) => {
    const error = await refusalOf(Sandbox.create("base", { [field]: "x" }));
    expect(error.message).toContain(`\`${field}\` is not a field of create options`);
    expect(error.message).toContain(hint);
  });
});

describe("a value of a wrong kind is named by its kind", () => {
  class Money {}
  test.each([
    ["a string for timeout", { timeout: "30" }, 'got a string ("30")'],
    ["null for timeout", { timeout: null }, "got null"],
    ["NaN for timeout", { timeout: Number.NaN }, "got NaN"],
    ["Infinity for timeout", { timeout: Number.POSITIVE_INFINITY }, "got Infinity"],
    ["a bigint for timeout", { timeout: 5n }, "got a bigint"],
    ["a Date for timeout", { timeout: new Date(0) }, "got a Date"],
    ["a function for waitReady", { waitReady: () => true }, "got a function"],
    ["a symbol for autoPause", { autoPause: Symbol("x") }, "got a symbol"],
    ["a Map for metadata", { metadata: new Map([["a", "b"]]) }, "got a Map"],
    ["a Set for metadata", { metadata: new Set() }, "got a Set"],
    ["an array for envVars", { envVars: ["A=1"] }, "got an array"],
    ["bytes for metadata", { metadata: Buffer.from("a") }, "got a Uint8Array"],
    ["half a character for a metadata value", { metadata: { a: "\ud83d" } }, "got text with half a surrogate pair"],
    ["an instance for a metadata value", { metadata: { price: new Money() } }, "`metadata.price` must be a string"],
  ])("%s", async (_what, options, found) => {
    expect((await refusalOf(Sandbox.create("base", options))).message).toContain(found);
  });

  test("and the value of an environment variable is never repeated", async () => {
    const error = await refusalOf(Sandbox.create("base", { envVars: { TOKEN: 424242 } }));
    expect(error.message).toBe("`envVars.TOKEN` must be a string, got a number: convert it, as String(value)");
    expect(error.field).toBe("envVars.TOKEN");
  });
});

describe("a number out of range names the range", () => {
  test.each([
    ["create 0", () => Sandbox.create("base", { timeout: 0 }), "between 1 and 86400 seconds, got 0"],
    ["create 86401", () => Sandbox.create("base", { timeout: 86401 }), "between 1 and 86400 seconds, got 86401"],
    ["create 1.5", () => Sandbox.create("base", { timeout: 1.5 }), "got 1.5: round it"],
    ["connect -1", () => Sandbox.connect("sb-1", { timeout: -1 }), "between 0 and 86400 seconds, got -1"],
    ["setTimeout 90000", () => Sandbox.setTimeout("sb-1", 90000), "between 0 and 86400 seconds, got 90000"],
    ["list limit 0", () => Sandbox.list({ limit: 0 }), "between 1 and 100 sandboxes, got 0"],
    [
      "requestTimeoutMs 0",
      () => Sandbox.create("base", { requestTimeoutMs: 0 }),
      "between 1 and 86400000 milliseconds",
    ],
  ])("%s", async (_what, call, range) => {
    expect((await refusalOf(call())).message).toContain(range);
  });
});

describe("a template's name is checked", () => {
  test.each([
    ["empty", "", "`templateID` is empty: pass a template's name"],
    ["a path", "../../etc", 'got "../../etc"'],
    ["with a line break", "a\nb", 'got "a\\nb"'],
    ["far too long", "x".repeat(5000), "at most 128 characters, got 5000"],
    ["a number", 7, "`templateID` must be a string, got a number (7)"],
    ["null", null, "`templateID` must be a string, got null"],
    ["a function", () => "base", "`templateID` must be a string, got a function"],
  ])("%s", async (_what, template, message) => {
    const error = await refusalOf(Sandbox.create(template));
    expect(error.message).toContain(message);
    expect(error.field).toBe("templateID");
  });
});

describe("a sandbox ID is checked", () => {
  test.each([
    ["left out", undefined, "`sandboxID` must be a string, got undefined: pass the `sandboxId`"],
    ["empty", "", "`sandboxID` is empty"],
    ["a path", "sb/../other", 'got "sb/../other"'],
    ["an object", { sandboxId: "sb-1" }, "got an object"],
  ])("%s", async (_what, sandboxId, message) => {
    expect((await refusalOf(Sandbox.getInfo(sandboxId))).message).toContain(message);
    expect((await refusalOf(Sandbox.connect(sandboxId))).message).toContain(message);
  });
});

describe("the calls of a handle check their arguments too", () => {
  let sandbox;
  beforeEach(async () => {
    server.on("POST /sandboxes", json(201, sandboxAnswer()));
    sandbox = await Sandbox.create();
    server.requests = [];
  });

  test.each([
    ["setTimeout without a number", (it) => it.setTimeout(), "`timeout` is missing: pass the TTL from now on"],
    ["setTimeout beyond a day", (it) => it.setTimeout(86401), "between 0 and 86400 seconds"],
    ["setTimeout with options that are none", (it) => it.setTimeout(60, "fast"), "must be an object, got a string"],
    ["refresh beyond an hour", (it) => it.refresh({ duration: 3601 }), "between 0 and 3600 seconds, got 3601"],
    ["refresh by a bare number", (it) => it.refresh(60), "must be an object, got a number (60): pass {duration}"],
    ["connect by a bare number", (it) => it.connect(60), "must be an object, got a number (60): pass {timeout}"],
    ["logs of an unknown level", (it) => it.logs({ level: "fatal" }), "must be one of debug, info, warn, error"],
    ["logs with too long a search", (it) => it.logs({ search: "x".repeat(257) }), "at most 256 characters"],
    ["pause with a field", (it) => it.pause({ force: true }), "`force`"],
    ["reload with a field", (it) => it.reload({ timeout: 1 }), "`timeout`"],
  ])("%s", async (_what, call, message) => {
    expect((await refusalOf(call(sandbox))).message).toContain(message);
  });
});

describe("options must be an object", () => {
  test.each([
    ["a string", "fast", "got a string"],
    ["an array", [], "got an array"],
    ["a function", () => {}, "got a function"],
    ["null", null, "got null"],
    ["a number", 3, "got a number (3)"],
  ])("not %s", async (_what, options, message) => {
    expect((await refusalOf(Sandbox.create("base", options))).message).toContain(message);
  });

  test("not one that contains itself", async () => {
    const metadata = {};
    metadata.self = metadata;
    const error = await refusalOf(Sandbox.create("base", { metadata }));
    expect(error.message).toContain("that do not contain themselves");
    expect(error.cause).toBeInstanceOf(TypeError);
  });
});

test("a field that is undefined counts as left out", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  await Sandbox.create(undefined, { timeout: undefined, metadata: undefined, requestTimeoutMs: undefined });
  expect(server.requests[0].body).toEqual({ templateID: "base" });
});

test("arguments are checked before the configuration", async () => {
  delete process.env.SEACLOUD_API_KEY;
  expect((await refusalOf(Sandbox.create(""))).message).toContain("`templateID` is empty");
});

test("a client checks as the statics do", async () => {
  const client = new SandboxClient();
  expect((await refusalOf(client.create("base", { network: {} }))).message).toContain("`network` is not accepted");
  expect((await refusalOf(client.getMetrics("sb-1"))).field).toBeDefined();
});
