const { NotFoundError, Sandbox, ValidationError } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { errorOf, until } = require("./support/outcome.js");
const { hang, json, reset, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const LOGS = "GET /sandboxes/sb-1/logs";
const DETAIL = "GET /sandboxes/sb-1";

const running = json(200, sandboxAnswer());
const deleted = json(200, sandboxAnswer({ state: "deleted", status: "deleted" }));
const gone = json(404, errorAnswer(404, "sandbox_not_found", "no sandbox sb-1"));
const cursors = () => server.requests.filter(({ path }) => path.endsWith("/logs")).map(({ query }) => query.cursor);

/** A window of a log, with the cursor that goes on. */
function lines(messages, nextCursor, fields = {}) {
  const logs = messages.map((message) => ({ timestamp: "2030-01-01T00:00:00Z", message, level: "info", fields: {} }));
  return json(200, { logs, nextCursor, ...fields });
}

async function created() {
  server.on("POST /sandboxes", json(201, sandboxAnswer())).on(DETAIL, running);
  return Sandbox.create();
}

async function messagesOf(stream) {
  const messages = [];
  for await (const { message } of stream) messages.push(message);
  return messages;
}

test("lines come as they are written, until the sandbox is deleted and its log is read", async () => {
  const sandbox = await created();
  server.on(
    LOGS,
    lines(["a", "b"], 2, { hasMore: true }),
    lines(["c"], 3),
    lines([], 3),
    lines(["d"], 4),
    lines([], 4),
  );
  server.on(DETAIL, deleted);
  expect(await messagesOf(sandbox.logs({ follow: true }))).toEqual(["a", "b", "c", "d"]);
  expect(cursors()).toEqual([undefined, "2", "3", "3", "4"]);
});

test("those who ask for a line at once get one each, in order", async () => {
  const sandbox = await created();
  server.on(LOGS, lines(["a", "b", "c"], 3), hang());
  const stream = sandbox.logs({ follow: true });
  const three = await Promise.all([stream.next(), stream.next(), stream.next()]);
  expect(three.map(({ value }) => value.message)).toEqual(["a", "b", "c"]);
  const fourth = stream.next();
  await stream.return();
  expect(await fourth).toEqual({ value: undefined, done: true });
});

test("a line has its time and level", async () => {
  const sandbox = await created();
  server.on(LOGS, lines(["a"], 1));
  for await (const line of sandbox.logs({ follow: true })) {
    expect(line).toEqual({ timestamp: new Date("2030-01-01T00:00:00Z"), message: "a", level: "info", fields: {} });
    break;
  }
});

test("lost connections and failures that may pass lose no line and repeat none", async () => {
  const sandbox = await created();
  const broken = (response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"logs":[{"message":"b"}');
    response.destroy();
  };
  server.on(LOGS, lines(["a"], 1), reset(), broken, json(503, {}), lines(["b"], 2), lines([], 2)).on(DETAIL, deleted);
  expect(await messagesOf(sandbox.logs({ follow: true }))).toEqual(["a", "b"]);
  expect(new Set(cursors().slice(1, 5))).toEqual(new Set(["1"]));
});

test("level and search go with every request, and windows without such lines are passed over", async () => {
  const sandbox = await created();
  server.on(LOGS, lines([], 500, { hasMore: true }), lines(["x"], 510), lines([], 510)).on(DETAIL, deleted);
  const stream = sandbox.logs({ follow: true, cursor: 7, level: "error", search: "x" });
  expect(await messagesOf(stream)).toEqual(["x"]);
  expect(cursors().slice(0, 3)).toEqual(["7", "500", "510"]);
  const { query } = server.requests.at(-1);
  expect(query).toMatchObject({ level: "error", search: "x", direction: "forward", limit: "1000" });
});

test("a service that says no cursor counts lines", async () => {
  const sandbox = await created();
  server.on(LOGS, lines(["a", "b"]), lines(["c"]), lines([])).on(DETAIL, deleted);
  expect(await messagesOf(sandbox.logs({ follow: true }))).toEqual(["a", "b", "c"]);
  expect(cursors().slice(0, 3)).toEqual([undefined, "2", "3"]);
});

test("nothing is sent before it is iterated, and break stops it", async () => {
  const sandbox = await created();
  server.on(LOGS, lines(["a", "b"], 2));
  const stream = sandbox.logs({ follow: true });
  expect(server.requests).toHaveLength(1);
  for await (const { message } of stream) {
    expect(message).toBe("a");
    break;
  }
  expect(cursors()).toHaveLength(1);
  expect(await stream.next()).toEqual({ value: undefined, done: true });
});

test("return ends an iteration that waits, and what is in flight", async () => {
  const sandbox = await created();
  server.on(LOGS, hang());
  const stream = sandbox.logs({ follow: true });
  const next = stream.next();
  await until(cursors, ({ length }) => length === 1);
  expect(await stream.return()).toEqual({ value: undefined, done: true });
  expect(await next).toEqual({ value: undefined, done: true });
});

test("the longer no lines come, the rarer it is asked, until some come", async () => {
  const sandbox = await created();
  const times = [];
  const at = (reply) => (response) => {
    times.push(performance.now());
    reply(response);
  };
  server.on(LOGS, ...Array(6).fill(at(lines([], 0))), at(lines(["a"], 1)), at(lines(["b"], 2)));
  for await (const { message } of sandbox.logs({ follow: true })) if (message === "b") break;
  const gaps = times.slice(1).map((time, place) => time - times[place]);
  expect(gaps[0]).toBeGreaterThan(70);
  // Each is half as long again as the one before, give or take a quarter.
  expect(gaps[5]).toBeGreaterThan(500);
  expect(gaps[6]).toBeLessThan(gaps[5]);
});

test("a log that is gone with its sandbox is at its end; one that never was is an error", async () => {
  const sandbox = await created();
  server.on(LOGS, lines(["a"], 1), gone);
  expect(await messagesOf(sandbox.logs({ follow: true }))).toEqual(["a"]);
  expect(await errorOf(messagesOf(sandbox.logs({ follow: true })))).toBeInstanceOf(NotFoundError);
});

test("a failed sandbox's log ends", async () => {
  const sandbox = await created();
  server.on(LOGS, lines([], 0)).on(DETAIL, json(200, sandboxAnswer({ state: "failed" })));
  expect(await messagesOf(sandbox.logs({ follow: true }))).toEqual([]);
});

test("an outage that lasts is told after requestTimeoutMs", async () => {
  const sandbox = await created();
  server.on(LOGS, json(503, errorAnswer(503, "busy", "not now")));
  const error = await errorOf(messagesOf(sandbox.logs({ follow: true, requestTimeoutMs: 300 })));
  expect(error.retryable).toBe(true);
  expect(cursors().length).toBeGreaterThan(1);
});

test("what does not go with follow is refused, and follow: false is an ordinary call", async () => {
  const sandbox = await created();
  server.on(LOGS, lines(["a"], 1));
  for (const [field, value] of [
    ["limit", 5],
    ["direction", "backward"],
  ]) {
    const error = await errorOf(messagesOf(sandbox.logs({ follow: true, [field]: value })));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.field).toBe(field);
    expect(error.message).toContain(`\`${field}\` is not accepted together with \`follow\``);
  }
  expect((await errorOf(messagesOf(sandbox.logs({ follow: "yes" })))).field).toBe("follow");
  expect((await sandbox.logs({ follow: false })).logs).toHaveLength(1);
});
