const { runNode } = require("./support/child.js");
const { hang, json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();

// `WORKERS=200` for the whole run.
const COUNT = Number(process.env.WORKERS ?? 40);

test("workers that are terminated in the middle of their calls crash nothing", async () => {
  const running = { sandboxID: "sb-1", state: "running" };
  server
    .on("GET /sandboxes/sb-1", json(200, running))
    .on("GET /sandboxes/sb-hung", hang())
    .on("POST /sandboxes", json(201, running))
    .on("DELETE /sandboxes/sb-1", noContent());
  const child = await runNode(["__test__/support/terminated.cjs", String(COUNT)], {
    env: server.environment,
    timeoutMs: 120_000,
  });
  expect(child).toEqual({ code: 0, signal: null, stdout: `${COUNT} workers were terminated\n`, stderr: "" });
}, 130_000);
