const { NotRunningError, ReadinessError, Sandbox, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf } = require("./support/outcome.js");

realEngine();

let sandbox;

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true });
});

// Answers with what it was asked; /slow after its first half.
const SERVER = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        text = f"{self.command} {self.path} {self.headers.get('x-own')} {body.decode()}".encode()
        self.send_response(int(self.headers.get("x-status") or 200))
        self.send_header("content-type", "text/plain")
        self.send_header("x-answer", "yes")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;

async function serve(port) {
  await sandbox.files.write("server.py", SERVER);
  await sandbox.commands.run(`nohup python3 server.py ${port} > server.log 2>&1 &`);
}

test("a port is waited for, listed and asked as fetch does", async () => {
  await serve(3_100);
  await sandbox.waitForPort(3_100, { path: "/health" });
  expect(await sandbox.ports()).toContainEqual(expect.objectContaining({ port: 3_100, address: "127.0.0.1" }));

  const response = await sandbox.proxy({
    port: 3_100,
    path: "/a/b?x=1&y=%20",
    method: "POST",
    headers: { "x-own": "mine", "x-access-token": "not for programs" },
    body: "the body",
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("x-answer")).toBe("yes");
  expect(await response.text()).toBe("POST /a/b?x=1&y=%20 mine the body");
});

test("an answer of any status is one", async () => {
  await serve(3_101);
  await sandbox.waitForPort(3_101);
  for (const status of [201, 302, 401, 404, 409, 500]) {
    const response = await sandbox.proxy({ port: 3_101, headers: { "x-status": String(status) } });
    expect(response.status).toBe(status);
    expect(await response.text()).toContain("GET /");
  }
  const head = await sandbox.proxy({ port: 3_101, method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("where nothing listens, that is said", async () => {
  const response = await sandbox.proxy({ port: 3_999 });
  expect(response.status).toBe(502);
  expect(await response.text()).toContain("nothing listens on port 3999");
  const error = await errorOf(sandbox.waitForPort(3_999, { timeoutMs: 50 }));
  expect(error).toBeInstanceOf(ReadinessError);
  expect(error.kind).toBe("port_timeout");
  expect(error.message).toContain("nothing listened on port 3999");
});

test("the host of a port is a part of the runtime's URL", async () => {
  expect(sandbox.getHost(3_000)).toBe(`${sandbox.envdUrl}/proxy/3000/`);
  for (const port of [0, 65_536, 1.5, "80", undefined]) {
    expect(() => sandbox.getHost(port)).toThrow(ValidationError);
  }
  const paused = await Sandbox.create({ waitReady: true });
  await paused.pause();
  expect(() => paused.getHost(3_000)).toThrow(NotRunningError);
  await paused.delete();
});

test.each([
  ["/../../run"],
  [".\t./.\t./run"],
  ["/.\r./.\n./run"],
  ["/a/%2e%2E/b"],
  ["/a%2f..%2f..%2f..%2frun"],
  ["..\\run"],
])("the path %j does not lead out of its port", async (path) => {
  const request = { port: 3_999, path, method: "POST", body: '{"cmd":"id"}' };
  const error = await errorOf(sandbox.proxy(request));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("path");
});

test("a signed URL is one of exactly the path that is given", async () => {
  await sandbox.files.write("report", "kept");
  const headers = { "content-type": "application/octet-stream" };
  const upload = await sandbox.uploadUrl("report ");
  expect((await fetch(upload, { method: "POST", body: "sent", headers })).status).toBe(200);
  expect([await sandbox.files.read("report"), await sandbox.files.read("report ")]).toEqual(["kept", "sent"]);
});

test("a signed URL downloads and uploads one file without a token", async () => {
  await sandbox.files.write("dir/report ü.txt", "signed");
  const url = await sandbox.downloadUrl("dir/report ü.txt", { expiresInSeconds: 60 });
  expect(await (await fetch(url)).text()).toBe("signed");
  expect((await fetch(url.replace("report", "other"))).status).toBe(401);
  const upload = await sandbox.uploadUrl("dir/up.txt");
  const headers = { "content-type": "application/octet-stream" };
  expect((await fetch(upload, { method: "POST", body: "sent", headers })).status).toBe(200);
  expect(await sandbox.files.read("dir/up.txt")).toBe("sent");
  expect((await fetch(upload)).status).toBe(401);
  const old = await sandbox.downloadUrl("dir/up.txt", { useSignatureExpiration: 1_000_000_000 });
  expect((await fetch(old)).status).toBe(401);
  const duration = await errorOf(sandbox.downloadUrl("x", { useSignatureExpiration: 600 }));
  expect(duration).toBeInstanceOf(ValidationError);
  expect(duration.message).toMatch(/a point in time in Unix seconds, got 600: pass .*`expiresInSeconds`/);
  const both = await errorOf(sandbox.downloadUrl("x", { useSignatureExpiration: 1, expiresInSeconds: 1 }));
  expect(both).toBeInstanceOf(ValidationError);
});
