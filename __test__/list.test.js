const { inspect } = require("node:util");
const { AuthenticationError, Sandbox, SandboxClient } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

function page(ids, nextToken) {
  const headers = nextToken ? { "x-has-next": "true", "x-next-token": nextToken } : { "x-has-next": "false" };
  const sandboxes = ids.map((sandboxID) =>
    sandboxAnswer({ sandboxID, envdUrl: undefined, envdAccessToken: undefined }),
  );
  return json(200, sandboxes, headers);
}

async function idsOf(list) {
  const ids = [];
  for await (const { sandboxId } of list) ids.push(sandboxId);
  return ids;
}

test("awaited it is the first page: an array that knows how to go on", async () => {
  server.on("GET /sandboxes", page(["sb-1", "sb-2"], "Mg"), page(["sb-3"]));
  const first = await Sandbox.list();
  expect(Array.isArray(first)).toBe(true);
  expect(first).toBeInstanceOf(Array);
  expect(first.map(({ sandboxId }) => sandboxId)).toEqual(["sb-1", "sb-2"]);
  expect(first.hasNext).toBe(true);
  expect(first.nextToken).toBe("Mg");
  expect(Object.keys(first)).toEqual(["0", "1"]);

  const second = await first.nextPage();
  expect(second.map(({ sandboxId }) => sandboxId)).toEqual(["sb-3"]);
  expect(second.hasNext).toBe(false);
  expect(second.nextToken).toBeUndefined();
  expect([...(await second.nextPage())]).toEqual([]);
  expect(server.requests).toHaveLength(2);
});

test("iterated it is every sandbox of every page", async () => {
  const all = page(["sb-1", "sb-2", "sb-3"]);
  server.on("GET /sandboxes", page(["sb-1", "sb-2"], "Mg"), page([], "NA"), page(["sb-3"]), all);
  expect(await idsOf(Sandbox.list({ limit: 2 }))).toEqual(["sb-1", "sb-2", "sb-3"]);
  expect(server.requests.map(({ query }) => query)).toEqual([
    { limit: "2" },
    { limit: "2", nextToken: "Mg" },
    { limit: "2", nextToken: "NA" },
    // Again, as something may have moved out of sight.
    { limit: "100" },
  ]);
});

test("a single page is read once", async () => {
  server.on("GET /sandboxes", page(["sb-1"]));
  expect(await idsOf(Sandbox.list())).toEqual(["sb-1"]);
  expect(server.requests).toHaveLength(1);
});

test("tokens are passed on as they came, and those that lead in a circle end the list", async () => {
  const circle = [page(["sb-1"], "eyJrIjo0fQ==:v2"), page(["sb-2"], "other one")];
  server.on("GET /sandboxes", ...circle, ...circle, ...circle, ...circle);
  expect(await idsOf(Sandbox.list())).toEqual(["sb-1", "sb-2"]);
  expect(server.requests[1].query).toEqual({ nextToken: "eyJrIjo0fQ==:v2" });
});

test("breaking off fetches no further page", async () => {
  server.on("GET /sandboxes", page(["sb-1"], "MQ"));
  for await (const { sandboxId } of Sandbox.list()) {
    expect(sandboxId).toBe("sb-1");
    break;
  }
  expect(server.requests).toHaveLength(1);
});

test("nothing is sent before it is awaited, and once is enough", async () => {
  server.on("GET /sandboxes", page(["sb-1"]));
  const list = Sandbox.list();
  expect(inspect(list)).toContain("SandboxList");
  expect(server.requests).toHaveLength(0);
  const [first, again] = await Promise.all([list, list]);
  expect(again).toBe(first);
  expect(server.requests).toHaveLength(1);
});

test("it is a promise in every respect", async () => {
  server.on("GET /sandboxes", page(["sb-1"]));
  expect(Sandbox.list()).toBeInstanceOf(Promise);
  expect(await Sandbox.list().then((first) => first.length)).toBe(1);
  expect(await Sandbox.list().finally(() => {})).toHaveLength(1);
  expect(await Promise.race([Sandbox.list()])).toHaveLength(1);
  server.on("GET /sandboxes", json(401, errorAnswer(401, "unauthorized", "wrong key")));
  expect(await Sandbox.list().catch((error) => error)).toBeInstanceOf(AuthenticationError);
  expect(await errorOf(idsOf(Sandbox.list()))).toBeInstanceOf(AuthenticationError);
});

test("metadata, state and token are sent as the contract says", async () => {
  server.on("GET /sandboxes", page([]));
  await Sandbox.list({ metadata: { app: "prod", team: "core" }, state: ["running", "paused"], nextToken: "MQ" });
  const { searchParams } = new URL(server.requests[0].url, server.url);
  expect(searchParams.get("metadata")).toBe("app=prod&team=core");
  expect(searchParams.getAll("state")).toEqual(["running", "paused"]);
  expect(searchParams.get("nextToken")).toBe("MQ");
});

test("a server that promises a next page without a token does not make an endless loop", async () => {
  server.on("GET /sandboxes", json(200, [sandboxAnswer()], { "x-has-next": "true" }));
  expect(await idsOf(Sandbox.list())).toEqual(["sb-1"]);
});

test("a client lists its own service", async () => {
  server.on("GET /sandboxes", page(["sb-9"]));
  expect(await idsOf(new SandboxClient().list())).toEqual(["sb-9"]);
});
