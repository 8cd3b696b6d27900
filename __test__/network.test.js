const { once } = require("node:events");
const net = require("node:net");
const { Sandbox, SandboxClient } = require("..");
const { sandboxAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { json, scriptedServer } = require("./support/scripted-server.js");

// It stands for a proxy as well: one is asked for whole URLs, of hosts that do not exist.
const server = scriptedServer();

const VARIABLES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"];
const FAR = { baseUrl: "http://far.invalid", apiKey: "k" };

beforeEach(() => server.on("GET /sandboxes/sb-1", json(200, sandboxAnswer())));

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

test("process.env says which proxy to use, also where the process itself knows nothing of it", async () => {
  process.env.HTTP_PROXY = server.url;
  await new SandboxClient(FAR).getInfo("sb-1");
  expect(server.requests[0].url).toBe("http://far.invalid/api/v1/sandboxes/sb-1");
});

test("the lower case variable wins, and NO_PROXY goes past it", async () => {
  process.env.HTTP_PROXY = "http://127.0.0.1:1";
  process.env.http_proxy = server.url;
  await new SandboxClient(FAR).getInfo("sb-1");
  process.env.NO_PROXY = ".invalid";
  const error = await errorOf(new SandboxClient(FAR).getInfo("sb-1"));
  expect(error.kind).toBe("dns");
  expect(server.requests).toHaveLength(1);
});

test("no proxy stands before a service on this machine", async () => {
  process.env.HTTP_PROXY = "http://127.0.0.1:1";
  await new SandboxClient(server.clientOptions).getInfo("sb-1");
  expect(server.requests).toHaveLength(1);
});

test("a proxy's password is in no message", async () => {
  const refusing = net.createServer((socket) => socket.end("HTTP/1.1 407 Who are you?\r\ncontent-length: 0\r\n\r\n"));
  await once(refusing.listen(0, "127.0.0.1"), "listening");
  process.env.HTTPS_PROXY = `http://user:hush-hush@127.0.0.1:${refusing.address().port}`;
  const error = await errorOf(Sandbox.getInfo("sb-1", { ...FAR, baseUrl: "https://far.invalid" }));
  refusing.close();
  expect(error.kind).toBe("proxy");
  expect(`${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain("hush");
});

test("a file of extra certificates that is not there breaks nothing", async () => {
  process.env.NODE_EXTRA_CA_CERTS = "/nothing/here.pem";
  await new SandboxClient(server.clientOptions).getInfo("sb-1");
  const error = await errorOf(new SandboxClient({ ...FAR, baseUrl: "https://127.0.0.1:1" }).getInfo("sb-1"));
  expect(error.kind).toBe("refused");
});
