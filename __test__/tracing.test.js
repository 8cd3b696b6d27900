const { context, propagation, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { AsyncLocalStorageContextManager } = require("@opentelemetry/context-async-hooks");
const { W3CTraceContextPropagator } = require("@opentelemetry/core");
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { NotFoundError, Sandbox } = require("..");
const { errorAnswer, sandboxAnswer } = require("./support/answers.js");
const { runNode } = require("./support/child.js");
const { errorOf } = require("./support/outcome.js");
const { json, noContent, scriptedServer } = require("./support/scripted-server.js");

const server = scriptedServer();
const exporter = new InMemorySpanExporter();

beforeAll(() => {
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});

beforeEach(() => {
  exporter.reset();
  server
    .on("POST /sandboxes", json(201, sandboxAnswer()))
    .on("GET /sandboxes", json(200, []))
    .on("POST /sandboxes/sb-1/pause", noContent());
});

afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

function traceparentOf(span) {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-01`;
}

test("each call is a span, and its request says so", async () => {
  const sandbox = await Sandbox.create("base");
  await sandbox.pause();
  const [created, paused] = exporter.getFinishedSpans();
  expect([created.name, created.kind]).toEqual(["sandbar.create", SpanKind.CLIENT]);
  expect(created.attributes).toEqual({ "sandbar.template.id": "base", "sandbar.sandbox.id": "sb-1" });
  expect(created.instrumentationScope).toEqual({ name: "sandbar", version: require("../package.json").version });
  expect([paused.name, paused.attributes["sandbar.sandbox.id"]]).toEqual(["sandbar.pause", "sb-1"]);
  const sent = server.requests.map(({ headers }) => headers.traceparent);
  expect(sent).toEqual([traceparentOf(created), traceparentOf(paused)]);
});

test("what goes on in a sandbox is a span too, and its requests say so", async () => {
  const events = [{ start: { pid: 7, cmdId: "c" } }, { end: { exited: true, status: "exit status 0", error: null } }];
  const frames = Buffer.concat([...events.map((event) => frame(0, { event })), frame(2, {})]);
  server
    .on("POST /sandboxes", json(201, sandboxAnswer({ envdUrl: `${server.url}/inside` })))
    .on("POST /inside/process.Process/Start", (response) => response.writeHead(200).end(frames));
  const sandbox = await Sandbox.create("base");
  expect(await sandbox.commands.run("ls", { onStdout() {} })).toMatchObject({ exitCode: 0 });
  const failed = await errorOf(sandbox.runCode("1"));
  const [, started, code] = exporter.getFinishedSpans();
  expect([started.name, started.attributes["sandbar.sandbox.id"]]).toEqual(["sandbar.start", "sb-1"]);
  expect([code.name, code.status.code]).toEqual(["sandbar.runCode", SpanStatusCode.ERROR]);
  expect(code.status.message).toBe(failed.message);
  const [, start, list] = server.requests.map(({ headers }) => headers.traceparent);
  expect([start, list]).toEqual([traceparentOf(started), traceparentOf(code)]);
});

function frame(flags, payload) {
  const text = Buffer.from(JSON.stringify(payload));
  const header = Buffer.alloc(5);
  header.writeUInt8(flags);
  header.writeUInt32BE(text.length, 1);
  return Buffer.concat([header, text]);
}

test("a call belongs to the span that it was made in", async () => {
  const state = { get: () => undefined, set: () => state, unset: () => state, serialize: () => "vendor=7" };
  const outer = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
    traceState: state,
  };
  await context.with(trace.setSpanContext(context.active(), outer), async () => {
    await Promise.resolve();
    await Sandbox.list();
  });
  const [span] = exporter.getFinishedSpans();
  expect(span.parentSpanContext.spanId).toBe(outer.spanId);
  expect(server.requests[0].headers).toMatchObject({ traceparent: traceparentOf(span), tracestate: "vendor=7" });
});

test("a failed call is a failed span with the error", async () => {
  server.on("GET /sandboxes/sb-9", json(404, errorAnswer(404, "sandbox_not_found", "there is no sandbox sb-9")));
  const error = await errorOf(Sandbox.getInfo("sb-9"));
  expect(error).toBeInstanceOf(NotFoundError);
  const [span] = exporter.getFinishedSpans();
  expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: error.message });
  expect(span.attributes).toEqual({
    "sandbar.sandbox.id": "sb-9",
    "error.type": "NotFoundError",
    "http.request.method": "GET",
    "http.response.status_code": 404,
    "sandbar.request.id": error.requestId,
  });
  expect(span.events[0].attributes["exception.message"]).toBe(error.message);
});

test("a wrong argument is a failed span, and nothing was sent", async () => {
  await errorOf(Sandbox.create("base", { timeout: -1 }));
  const [span] = exporter.getFinishedSpans();
  expect(span.attributes["error.type"]).toBe("ValidationError");
  expect(server.requests).toEqual([]);
});

test("a traceparent of the caller's own wins", async () => {
  await Sandbox.list({ headers: { traceparent: "own" } });
  expect(server.requests[0].headers.traceparent).toBe("own");
});

test("tracing that fails fails no call", async () => {
  const failing = () => {
    throw new Error("no room for spans");
  };
  const span = { setAttribute: failing, recordException: failing, setStatus: failing, end: failing };
  trace.disable();
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: () => span }) });
  await Sandbox.list();
  trace.disable();
  trace.setGlobalTracerProvider({ getTracer: failing });
  await Sandbox.list();
  expect(server.requests).toHaveLength(2);
});

test("without OpenTelemetry calls work, and it is looked for once", async () => {
  const script = `
    const Module = require("node:module");
    const resolve = Module._resolveFilename;
    let looked = 0;
    Module._resolveFilename = function (name, ...rest) {
      if (name !== "@opentelemetry/api") return resolve.call(this, name, ...rest);
      looked += 1;
      throw Object.assign(new Error("not there"), { code: "MODULE_NOT_FOUND" });
    };
    const { Sandbox } = require("./index.js");
    const before = looked;
    Sandbox.list().then(() => Sandbox.list()).then(() => console.log(before, looked));
  `;
  const run = await runNode(["-e", script], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "0 1\n", stderr: "" });
  expect(server.requests.map(({ headers }) => headers.traceparent)).toEqual([undefined, undefined]);
});

test("with OpenTelemetry's API alone nothing is sent on", async () => {
  const run = await runNode(["-e", 'require("./index.js").Sandbox.list().then(() => {})'], { env: server.environment });
  expect(run).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
  expect(server.requests[0].headers.traceparent).toBeUndefined();
});
