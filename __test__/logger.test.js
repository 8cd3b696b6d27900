const { inspect } = require("node:util");
const { ConfigurationError, Sandbox, SandboxClient } = require("..");
const { sandboxAnswer } = require("./support/answers.js");
const { runNode } = require("./support/child.js");
const { errorOf } = require("./support/outcome.js");
const { API_KEY, json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

beforeEach(() => {
  server
    .on("POST /sandboxes", json(201, sandboxAnswer()))
    .on("GET /sandboxes", json(200, []))
    .on("GET /sandboxes/sb-1", json(200, sandboxAnswer()))
    .on("POST /sandboxes/sb-1/pause", noContent());
});

/** A logger as winston and the console are, which remembers what it was called with. */
function recorder() {
  const calls = [];
  const levels = ["debug", "info", "warn", "error"];
  const methods = levels.map((level) => [level, (...args) => calls.push([level, ...args])]);
  return { calls, ...Object.fromEntries(methods) };
}

const requests = (events) => events.filter(({ fields }) => fields.method !== undefined);

test("a function is told of each request before its call settles", async () => {
  const events = [];
  const client = new SandboxClient({ logger: (event) => events.push(event) });
  const sandbox = await client.create();
  expect(requests(events)).toHaveLength(1);
  await sandbox.pause();
  const [created, paused] = requests(events);
  expect(created).toEqual({
    level: "debug",
    time: expect.any(Date),
    message: expect.stringMatching(/^POST \/api\/v1\/sandboxes answered 201 in [\d.]+ ms$/),
    fields: {
      method: "POST",
      path: "/api/v1/sandboxes",
      status: 201,
      durationMs: expect.any(Number),
      requestId: server.requests[0].headers["x-request-id"],
      attempt: 1,
    },
  });
  expect(paused.fields).toMatchObject({ path: "/api/v1/sandboxes/sb-1/pause", status: 204, sandboxId: "sb-1" });
});

test("a failed request is told of with its reason", async () => {
  const events = [];
  const options = { baseUrl: "http://127.0.0.1:1", apiKey: "k", logger: (event) => events.push(event) };
  await errorOf(Sandbox.getInfo("sb-1", options));
  expect(events.at(-1)).toMatchObject({
    message: expect.stringContaining("connection refused"),
    fields: { kind: "refused" },
  });
});

test("an object of a logger's functions is called by level, with message and fields", async () => {
  const logger = recorder();
  await new SandboxClient({ logger }).getInfo("sb-1");
  const [level, message, fields] = logger.calls.at(-1);
  expect([level, fields.status]).toEqual(["debug", 200]);
  expect(message).toMatch(/^GET \/api\/v1\/sandboxes\/sb-1 answered 200 in /);
});

test("pino takes the fields first", async () => {
  const logger = { ...recorder(), [Symbol.for("pino.serializers")]: {} };
  await new SandboxClient({ logger }).getInfo("sb-1");
  expect(logger.calls.at(-1)).toEqual(["debug", expect.objectContaining({ status: 200 }), expect.any(String)]);
});

test("a logger of one call is the logger of its handle, and of nobody else", async () => {
  const [ofClient, ofCall] = [recorder(), recorder()];
  const client = new SandboxClient({ logger: ofClient });
  const sandbox = await client.create({ logger: ofCall, metadata: { logger: "stays" } });
  await sandbox.pause();
  await client.getInfo("sb-1");
  expect(ofCall.calls.filter(([, , { method }]) => method)).toHaveLength(2);
  expect(ofClient.calls.map(([, , { status }]) => status)).toContain(200);
  expect(server.requests[0].body).toEqual({ templateID: "base", metadata: { logger: "stays" } });
});

test("a logger may contain itself", async () => {
  const logger = recorder();
  logger.self = logger;
  const sandbox = await Sandbox.create({ logger });
  await sandbox.pause({ logger });
  expect(logger.calls.length).toBeGreaterThan(1);
});

test("a logger that fails, at once or later, fails no call", async () => {
  const throwing = () => {
    throw new Error("the log is full");
  };
  const rejecting = () => Promise.reject(new Error("the log is full"));
  for (const logger of [throwing, rejecting, { debug: throwing, info: throwing, warn: throwing, error: throwing }]) {
    await new SandboxClient({ logger }).getInfo("sb-1");
  }
});

test("what is no logger is refused", async () => {
  const make = (logger) => () => new SandboxClient({ logger });
  const words = "`logger` must be a function, or an object with the functions debug, info, warn and error, got ";
  expect(make("console")).toThrow(`${words}a string`);
  expect(make({ debug() {} })).toThrow(`${words}an object`);
  expect(make(null)).toThrow(ConfigurationError);
  expect((await errorOf(Sandbox.create({ logger: 7 }))).field).toBe("logger");
});

test("events come while a call is still under way", async () => {
  const told = Promise.withResolvers?.() ?? deferred();
  server.on("GET /sandboxes/sb-1", (response) => told.promise.then(() => json(200, sandboxAnswer())(response)));
  const other = { headers: { "x-case": "live" }, apiKey: "of this test alone" };
  await new SandboxClient({ ...other, logger: () => told.resolve() }).getInfo("sb-1", { requestTimeoutMs: 10_000 });
});

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve) => {
    parts.resolve = resolve;
  });
  return parts;
}

test("no secret is told", async () => {
  const events = [];
  const client = new SandboxClient({ headers: { "x-token": "hush-hush" }, logger: (event) => events.push(event) });
  await client.create({ envVars: { TOKEN: "hush-hush" } });
  await client.list({ metadata: { customer: "hush-hush" } });
  const told = inspect(events, { depth: 9 });
  expect(events.length).toBeGreaterThan(1);
  for (const secret of ["hush", API_KEY, "secret-token"]) expect(told).not.toContain(secret);
});

const SCRIPT = `
  const { SandboxClient } = require("./index.js");
  const client = new SandboxClient({ logger: (event) => console.log(event.level) });
  client.getInfo("sb-1").then(() => {
    const done = performance.now();
    process.on("exit", () => console.log(Math.floor((performance.now() - done) / 500)));
  });
`;

test("a logger does not keep the process alive", async () => {
  const run = await runNode(["-e", SCRIPT], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "debug\ndebug\n0\n", stderr: "" });
});

test("a logger works in a worker thread, which ends by itself", async () => {
  const script = `new (require("node:worker_threads").Worker)(${JSON.stringify(SCRIPT.replace("./", `${process.cwd()}/`))}, { eval: true })`;
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "debug\ndebug\n0\n", stderr: "" });
});

test("a worker thread may be ended while its logger is in use", async () => {
  const script = `
    const { Worker } = require("node:worker_threads");
    const worker = new Worker(${JSON.stringify(`
      const { Sandbox } = require("${process.cwd()}/index.js");
      const go = () => Sandbox.getInfo("sb-1", { logger: () => postMessage("told") }).then(go);
      const { parentPort } = require("node:worker_threads");
      const postMessage = (text) => parentPort.postMessage(text);
      for (let i = 0; i < 8; i++) go();
    `)}, { eval: true });
    worker.once("message", () => worker.terminate());
    worker.on("exit", () => console.log("ended"));
  `;
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "ended\n", stderr: "" });
});

describe("SANDBAR_LOG", () => {
  const call = 'require("./index.js").Sandbox.list({ metadata: { customer: "hush" } }).then(() => {})';
  const runWith = (filter) => runNode(["-e", call], { env: { ...server.environment, SANDBAR_LOG: filter } });

  test("debug prints each request on stderr, without secrets", async () => {
    const { stderr, stdout, code } = await runWith("debug");
    expect([stdout, code]).toEqual(["", 0]);
    expect(stderr).toMatch(/DEBUG sandbar: GET \/api\/v1\/sandboxes answered 200 in .* method="GET" .*status=200/);
    for (const secret of ["hush", API_KEY]) expect(stderr).not.toContain(secret);
  });

  test("targets may have levels of their own, and other libraries print nothing", async () => {
    expect((await runWith("off,sandbar=debug")).stderr).toContain("answered 200");
    expect((await runWith("warn")).stderr).toBe("");
    const everything = (await runWith("trace")).stderr.trim().split("\n");
    expect(everything.filter((line) => !line.includes("sandbar: "))).toEqual([]);
  });

  test("what is no filter is told and breaks nothing", async () => {
    const { stderr, code } = await runWith("sandbar=loud");
    expect(stderr).toMatch(/^sandbar: SANDBAR_LOG is not understood/);
    expect(code).toBe(0);
  });
});
