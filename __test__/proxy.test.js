const zlib = require("node:zlib");
const { Sandbox, TransportError, ValidationError } = require("..");
const { errorOf, until } = require("./support/outcome.js");
const { json, scriptedServer, text } = require("./support/scripted-server.js");

const server = scriptedServer();
const PROGRAM = "GET /e/proxy/3000/";

let sandbox;

beforeEach(async () => {
  const answer = { sandboxID: "sb-1", state: "running", envdUrl: `${server.url}/e`, envdAccessToken: "token-1" };
  server
    .on("POST /sandboxes/sb-1/connect", json(200, answer))
    .on("POST /e/filesystem.Filesystem/Stat", json(200, { entry: { name: ".", path: "/root/workspace", size: 0 } }));
  sandbox = await Sandbox.connect("sb-1");
});

function answered(options) {
  return sandbox.proxy({ port: 3_000, ...options });
}

const TEXT = "Grüße 🌊 ".repeat(10_000);

describe("a body that a program has encoded", () => {
  test.each([
    ["gzip", zlib.gzipSync(TEXT)],
    ["X-GZIP", zlib.gzipSync(TEXT)],
    ["deflate", zlib.deflateSync(TEXT)],
    ["br", zlib.brotliCompressSync(TEXT)],
    ["deflate, gzip", zlib.gzipSync(zlib.deflateSync(TEXT))],
    ["identity", TEXT],
  ])("as %s is read as it was", async (coding, body) => {
    server.on(PROGRAM, text(200, body, { "content-encoding": coding, "x-own": "1" }));
    const response = await answered();
    expect(await response.text()).toBe(TEXT);
    expect(response.headers.get("x-own")).toBe("1");
  });

  test("has headers that describe what is read", async () => {
    const body = zlib.gzipSync(TEXT);
    server.on(PROGRAM, text(200, body, { "content-encoding": "gzip", "content-length": body.length }));
    const { headers } = await answered();
    expect([headers.get("content-encoding"), headers.get("content-length")]).toEqual([null, null]);
  });

  test("by a coding that is not known is left as it is", async () => {
    server.on(PROGRAM, text(200, "as it is", { "content-encoding": "own" }));
    const response = await answered();
    expect(await response.text()).toBe("as it is");
    expect(response.headers.get("content-encoding")).toBe("own");
  });

  test.each([
    ["is cut", zlib.gzipSync(TEXT).subarray(0, 40)],
    ["is something else", "no gzip"],
  ])("and %s is an error", async (_what, body) => {
    server.on(PROGRAM, text(200, body, { "content-encoding": "gzip" }));
    const error = await errorOf((await answered()).text());
    expect(error).toBeInstanceOf(TransportError);
    expect(error.message).toContain("is not what its `Content-Encoding` says");
  });

  test("and has no bytes is empty", async () => {
    server.on(PROGRAM, text(200, "", { "content-encoding": "gzip", "content-length": 0 }));
    expect(await (await answered()).text()).toBe("");
    server.on("HEAD /e/proxy/3000/", text(200, "", { "content-encoding": "gzip", "content-length": 9 }));
    const head = await answered({ method: "HEAD" });
    expect([await head.text(), head.headers.get("content-encoding")]).toEqual(["", "gzip"]);
  });
});

test.each([200, 404, 599, 600, 999])("the status %i is that of the answer", async (status) => {
  server.on(PROGRAM, text(status, "body"));
  const response = await answered();
  expect([response.status, response.ok, await response.text()]).toEqual([status, status === 200, "body"]);
});

test("a header in UTF-8 is given as fetch gives it, byte by byte", async () => {
  const raw = "HTTP/1.1 200 OK\r\nx-name: ü→\r\ncontent-length: 0\r\n\r\n";
  server.on(PROGRAM, (response) => response.socket.end(raw));
  const response = await answered();
  expect(Buffer.from(response.headers.get("x-name"), "latin1").toString()).toBe("ü→");
});

test.each([
  ["nothing", undefined],
  ["a text", "/path"],
  ["a Map", new Map()],
])("a request that is %s is refused", async (_what, request) => {
  const error = await errorOf(sandbox.proxy(request));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("request");
});

test("a request body that gives no bytes is refused", async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(7);
      controller.close();
    },
  });
  const error = await errorOf(answered({ method: "POST", body }));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("body");
});

describe("data of files that looks like what it is not", () => {
  const locked = new ReadableStream();
  locked.getReader();

  test.each([
    ["an object with a stream function alone", { stream() {} }],
    ["a blob without a stream", { stream() {}, size: 3 }],
    ["a locked stream", locked],
    ["an iterator of nothing", { [Symbol.asyncIterator]: () => ({ next: () => undefined }) }],
    ["an iterable without an iterator", { [Symbol.iterator]: () => undefined }],
  ])("%s is refused", async (_what, data) => {
    const error = await errorOf(sandbox.files.write("a", data));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.field).toBe("data");
  });
});

test("the connection of an answer of any status is closed when its body is cancelled", async () => {
  const sockets = [];
  server.on(PROGRAM, (response, { socket }) => {
    sockets.push(socket);
    response.writeHead(999).write("first");
  });
  const responses = await Promise.all([answered(), answered(), answered()]);
  await Promise.all(responses.map(({ body }) => body.cancel()));
  await until(
    () => sockets.filter((socket) => !socket.destroyed).length,
    (left) => left === 0,
  );
});
