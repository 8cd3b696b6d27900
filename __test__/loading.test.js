const path = require("node:path");
const { runNode } = require("./support/child.js");
const { sandboxAnswer } = require("./support/answers.js");
const { json, scriptedServer, hang } = require("./support/scripted-server.js");

const server = scriptedServer();

async function lastLine(script) {
  server.on("POST /sandboxes", json(201, sandboxAnswer()));
  const run = await runNode([path.join(__dirname, "support", script)], { env: server.environment });
  expect(run.stderr).toBe("");
  expect(run.code).toBe(0);
  return run.stdout.trim();
}

test("require works", async () => {
  expect(await lastLine("require.cjs")).toBe("created sb-1, ValidationError true");
});

test("import works, by name and as a whole", async () => {
  expect(await lastLine("import.mjs")).toBe("created sb-1, ValidationError true");
});

test("a worker thread makes calls by its own environment", async () => {
  expect(await lastLine("worker.mjs")).toBe("created sb-1, ValidationError true");
  expect(server.requests[0].headers["x-api-key"]).toBe("key-of-the-worker");
});

test("a script that did its calls exits by itself at once", async () => {
  const line = await lastLine("exit.mjs");
  expect(Number(line)).toBeLessThan(500);
});

test("loading does nothing: no output, no request, no open handle", async () => {
  const run = await runNode(["-e", 'require("./index.js")'], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
  expect(server.requests).toEqual([]);
});

test("a call in flight keeps the process alive until it is settled", async () => {
  server.on("GET /sandboxes/sb-1", hang());
  const script =
    'require("./index.js").Sandbox.getInfo("sb-1", { requestTimeoutMs: 60 }).catch((e) => console.log(e.name))';
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run.stdout).toBe("RequestTimeoutError\n");
});

test("an exit in the middle of a call is clean", async () => {
  server.on("GET /sandboxes/sb-1", hang());
  const script = 'require("./index.js").Sandbox.getInfo("sb-1"); setImmediate(() => process.exit(7))';
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run).toEqual({ code: 7, signal: null, stdout: "", stderr: "" });
});
