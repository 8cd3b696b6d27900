const { inspect } = require("node:util");
const { ConfigurationError, Sandbox, SandboxClient } = require("..");
const { sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { API_KEY, hang, json, noContent, ScriptedServer, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

const VARIABLES = ["SEACLOUD_BASE_URL", "SEACLOUD_API_KEY", "SEACLOUD_PROJECT_ID", "E2B_DOMAIN", "E2B_API_KEY"];

function clearEnvironment() {
  for (const name of VARIABLES) delete process.env[name];
}

afterEach(clearEnvironment);

test("key, project and request ID go into headers", async () => {
  process.env.SEACLOUD_PROJECT_ID = "project-7";
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  await Sandbox.create();
  const { headers } = server.requests[0];
  expect(headers["x-api-key"]).toBe(API_KEY);
  expect(headers["x-project-id"]).toBe("project-7");
  expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  expect(headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("without a key a call says how to give one", async () => {
  delete process.env.SEACLOUD_API_KEY;
  const error = await errorOf(Sandbox.create());
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain("there is no API key: set SEACLOUD_BASE_URL and SEACLOUD_API_KEY");
  expect(error.field).toBe("apiKey");
  expect(server.requests).toEqual([]);
});

test("without a base URL a call says how to give one", async () => {
  clearEnvironment();
  const error = await errorOf(Sandbox.getInfo("sb-1"));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain("there is no base URL");
});

test("half a pair of E2B variables says what is missing", async () => {
  clearEnvironment();
  process.env.E2B_API_KEY = "e2b-key";
  const error = await errorOf(Sandbox.getInfo("sb-1"));
  expect(error.message).toContain("E2B_API_KEY counts only with E2B_DOMAIN");
});

test("a base URL that is none is refused", async () => {
  process.env.SEACLOUD_BASE_URL = "ftp://files.example";
  const error = await errorOf(Sandbox.create());
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain("SEACLOUD_BASE_URL must be an http or https URL");
});

test("a client refuses a wrong configuration at once, from the caller's line", () => {
  const make = () => new SandboxClient({ baseUrl: 7 });
  expect(make).toThrow(ConfigurationError);
  expect(make).toThrow("`baseUrl` must be a string, got a number (7)");
  expect(() => new SandboxClient({ apiUrl: "https://a" })).toThrow(
    /^`apiUrl` is not a field of client options: known /,
  );
  expect(() => new SandboxClient({ apiKey: { secret: "hush" } })).toThrow("`apiKey` must be a string, got an object");
  try {
    make();
  } catch (error) {
    expect(error.stack.split("\n")[1]).toContain("configuration.test.js");
  }
});

test("a change of the environment counts from the next call on", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  await Sandbox.create();
  process.env.SEACLOUD_API_KEY = "another-key";
  await Sandbox.create();
  expect(server.requests.map(({ headers }) => headers["x-api-key"])).toEqual([API_KEY, "another-key"]);
});

test("options of one call win over the environment, and its handle keeps them", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer())).on("DELETE /sandboxes/sb-1", noContent());
  clearEnvironment();
  const sandbox = await Sandbox.create("base", { ...server.clientOptions, projectId: "project-8" });
  await sandbox.delete();
  expect(server.requests.map(({ headers }) => headers["x-project-id"])).toEqual(["project-8", "project-8"]);
  expect(server.requests[0].body).toEqual({ templateID: "base" });
});

test("the handles of a client go on talking to its service", async () => {
  const other = new ScriptedServer();
  await other.start();
  other.on("POST /sandboxes", json(201, sandboxAnswer())).on("POST /sandboxes/sb-1/pause", noContent());
  const client = new SandboxClient(other.clientOptions);
  const sandbox = await client.create({ metadata: { a: "b" } });
  await sandbox.pause();
  await client.pause("sb-1");
  await other.stop();
  expect(other.requests.map(({ path }) => path)).toEqual([
    "/sandboxes",
    "/sandboxes/sb-1/pause",
    "/sandboxes/sb-1/pause",
  ]);
  expect(server.requests).toEqual([]);
});

test("a key of the environment is not sent to another host", async () => {
  process.env.SEACLOUD_BASE_URL = "http://service.example";
  const error = await errorOf(Sandbox.create("base", { baseUrl: server.url }));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain("was given for another host");
  expect(server.requests).toEqual([]);
});

test("a time limit of one call holds for that call only", async () => {
  server
    .on("POST /sandboxes", json(201, sandboxAnswer()))
    .on("GET /sandboxes/sb-1", hang(), json(200, sandboxAnswer()));
  const sandbox = await Sandbox.create();
  const error = await errorOf(sandbox.reload({ requestTimeoutMs: 50 }));
  expect(error.message).toContain("within 0.05 s");
  await sandbox.reload();
});

test("a handle stays with the service that it came from", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer())).on("GET /sandboxes/sb-1", json(200, sandboxAnswer()));
  const sandbox = await Sandbox.create();
  clearEnvironment();
  await sandbox.reload();
  await sandbox.reload({ requestTimeoutMs: 5000 });
  expect(server.requests).toHaveLength(3);
});

test("a time limit of one call leaves the client's other options as they are", async () => {
  clearEnvironment();
  server.on("GET /sandboxes/sb-1", json(200, sandboxAnswer()));
  const client = new SandboxClient({ ...server.clientOptions, projectId: "project-9" });
  await client.getInfo("sb-1", { requestTimeoutMs: 5000 });
  expect(server.requests[0].headers["x-project-id"]).toBe("project-9");
});

test("a base URL that carries the API prefix is used as it is", async () => {
  server.on("GET /sandboxes/sb-1", json(200, sandboxAnswer()));
  await Sandbox.getInfo("sb-1", { ...server.clientOptions, baseUrl: `${server.url}/api/v1/` });
  expect(server.requests[0].url).toBe("/api/v1/sandboxes/sb-1");
});

test("a key is printed by nothing", async () => {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  const client = new SandboxClient({ ...server.clientOptions, apiKey: "hush-hush" });
  const sandbox = await client.create();
  for (const printed of [inspect(client, { depth: 9, showHidden: true }), JSON.stringify(client), inspect(sandbox)]) {
    expect(printed).not.toContain("hush-hush");
  }
});
