const { inspect } = require("node:util");
const { ConfigurationError, Sandbox, SandboxClient } = require("..");
const { sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, noContent, scriptedServer, text } = require("./support/scripted-server.js");

const server = scriptedServer();

beforeEach(() => {
  server.on("POST /sandboxes", json(201, sandboxAnswer())).on("POST /sandboxes/sb-1/pause", noContent());
});

test("a client's headers go with every request of its handles", async () => {
  const client = new SandboxClient({ headers: { "X-Team": "core" } });
  const sandbox = await client.create();
  await sandbox.pause();
  expect(server.requests.map(({ headers }) => headers["x-team"])).toEqual(["core", "core"]);
});

test("a call's headers are added to the client's and win over them, whatever their case", async () => {
  const client = new SandboxClient({ headers: { "X-Team": "core", "x-region": "eu" } });
  await client.pause("sb-1", { headers: { "x-team": "edge" } });
  await client.pause("sb-1");
  const sent = server.requests.map(({ headers }) => [headers["x-team"], headers["x-region"]]);
  expect(sent).toEqual([
    ["edge", "eu"],
    ["core", "eu"],
  ]);
});

test("a wrong header is refused by its name, and never shows its value", async () => {
  const make = (headers) => () => new SandboxClient({ headers });
  expect(make({ "x-api-key": "hush" })).toThrow(
    "the header `x-api-key` of `headers` is the client's own: use `apiKey`",
  );
  expect(make({ "x-a": "hush\n" })).toThrow(ConfigurationError);
  expect(make(new Map([["x-a", "hush"]]))).toThrow("`headers` must be an object of strings, got a Map");
  const error = await errorOf(Sandbox.create({ headers: { "x-a": "hush\r\nx-b: 1" } }));
  expect(error.field).toBe("headers.x-a");
  expect(inspect(error)).not.toContain("hush");
  expect(server.requests).toEqual([]);
});

test("a header's value is printed by nothing, not even when the service repeats it", async () => {
  server.on("GET /sandboxes/sb-1", text(400, "what is hush-hush-hush?"));
  const client = new SandboxClient({ headers: { "x-token": "hush-hush-hush" } });
  const error = await errorOf(client.getInfo("sb-1"));
  const printed = [inspect(client, { depth: 9, showHidden: true }), inspect(error), JSON.stringify(error), error.body];
  expect(printed.join("\n")).not.toContain("hush-hush");
});
