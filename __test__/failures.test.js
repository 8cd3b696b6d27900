const {
  APIError,
  AuthenticationError,
  ConflictError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  RequestTimeoutError,
  Sandbox,
  SandboxError,
  ServerError,
  TimeoutAPIError,
  TransportError,
} = require("..");
const { errorAnswer } = require("./support/answers.js");
const { errorOf } = require("./support/outcome.js");
const { API_KEY, hang, json, reset, scriptedServer, text } = require("./support/scripted-server.js");

const server = scriptedServer();

function lookUp(options) {
  return errorOf(Sandbox.getInfo("sb-1", options));
}

describe("an error's class goes by its status", () => {
  test.each([
    [400, APIError, "bad_request", "`timeout` must be a number"],
    [401, AuthenticationError, "unauthorized", "the API key was refused (401"],
    [403, PermissionError, "forbidden", "not yours"],
    [404, NotFoundError, "sandbox_not_found", "no sandbox sb-1"],
    [408, TimeoutAPIError, "timeout", "too slow"],
    [409, ConflictError, "sandbox_failed", "sandbox sb-1 has failed"],
    [429, RateLimitError, "usage_limit", "10 of 10 sandboxes are in use"],
    [503, ServerError, "unavailable", "maintenance"],
  ])("%i", async (status, type, code, message) => {
    server.on("GET /sandboxes/sb-1", json(status, errorAnswer(status, code, message), { "retry-after": "0" }));
    const error = await lookUp();
    expect(error).toBeInstanceOf(type);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toBeInstanceOf(SandboxError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(type.name);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ statusCode: status, code, method: "GET", requestId: "request-1" });
    expect(error.path).toContain("/sandboxes/sb-1");
    expect(error.body.error.code).toBe(code);
    expect(error.attempts).toBe(server.requests.length);
  });
});

test("a quota that is used up says so in its detail", async () => {
  const answer = errorAnswer(429, "usage_limit", "10 of 10 sandboxes are in use", { reason: "usage_limit" });
  server.on("POST /sandboxes", json(429, answer));
  const error = await errorOf(Sandbox.create());
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error.detail).toMatchObject({ reason: "usage_limit" });
});

test("a connect to a failed sandbox says why it failed", async () => {
  const diagnostic = { reason: "start_command_failed", message: "the start command exited with 3" };
  server.on(
    "POST /sandboxes/sb-1/connect",
    json(409, errorAnswer(409, "sandbox_failed", "sb-1 has failed", { diagnostic })),
  );
  const error = await errorOf(Sandbox.connect("sb-1"));
  expect(error).toBeInstanceOf(ConflictError);
  expect(error.diagnostic).toEqual(diagnostic);
});

test("a gateway's HTML page is an error of the server", async () => {
  const page = "<html><title>Bad gateway</title></html>";
  server.on("POST /sandboxes/sb-1/pause", text(500, page, { "content-type": "text/html" }));
  const error = await errorOf(Sandbox.pause("sb-1"));
  expect(error).toBeInstanceOf(ServerError);
  expect(error.statusCode).toBe(500);
  expect(error.body).toContain("Bad gateway");
  expect(JSON.stringify(error)).not.toContain("Bad gateway");
});

test.each([
  ["HTML", text(200, "<html>welcome</html>", { "content-type": "text/html" }), "welcome"],
  ["nothing", text(200, ""), "answered 200"],
  ["cut JSON", text(200, '{"sandboxID":"sb', { "content-type": "application/json" }), "answered 200"],
  ["JSON without an ID", json(200, { hello: "world" }), "answered 200"],
  ["an ID that would be another path", json(200, { sandboxID: "../../x" }), "can't be a sandbox's ID"],
])("a success with %s is no answer", async (_what, reply, excerpt) => {
  server.on("GET /sandboxes/sb-1", reply);
  const error = await lookUp();
  expect(error).toBeInstanceOf(APIError);
  expect(error.kind).toBe("invalid_answer");
  expect(error.message).toContain(excerpt);
  expect(error.message).toContain("is the base URL right?");
});

test("a redirect is not followed with the key", async () => {
  server.on("GET /sandboxes/sb-1", text(302, "", { location: "http://elsewhere.example/x?secret=1" }));
  const error = await lookUp();
  expect(error).toBeInstanceOf(APIError);
  expect(error.kind).toBe("redirect");
  expect(error.message).toContain("was redirected (302) to http://elsewhere.example/x");
  expect(error.message).not.toContain("secret=1");
});

test("an answer that does not come ends by requestTimeoutMs", async () => {
  server.on("GET /sandboxes/sb-1", hang());
  const error = await lookUp({ requestTimeoutMs: 50 });
  expect(error).toBeInstanceOf(RequestTimeoutError);
  expect(error).toBeInstanceOf(TransportError);
  expect(error.message).toContain("had no answer within 0.05 s: raise `requestTimeoutMs`");
});

test("a connection that breaks says that the outcome is not known", async () => {
  server.on("POST /sandboxes/sb-1/pause", reset());
  const error = await errorOf(Sandbox.pause("sb-1"));
  expect(error).toBeInstanceOf(TransportError);
  expect(error.kind).toBe("reset");
  expect(error.message).toContain("was lost before the answer came");
});

test("a server that is not there is named, with its causes", async () => {
  const error = await lookUp({ baseUrl: "http://127.0.0.1:1", apiKey: "k" });
  expect(error).toBeInstanceOf(TransportError);
  expect(error.kind).toBe("refused");
  expect(error.message).toContain("could not reach http://127.0.0.1:1: connection refused: is the service running?");
  expect(error.cause).toBeInstanceOf(Error);
});

test("a host that is not known is named", async () => {
  const error = await lookUp({ baseUrl: "http://no-such-host.invalid", apiKey: "k" });
  expect(error).toBeInstanceOf(TransportError);
  expect(error.kind).toBe("dns");
  expect(error.message).toContain("could not reach http://no-such-host.invalid: its host name is not known");
});

test("no error repeats the key", async () => {
  server.on("GET /sandboxes/sb-1", json(401, errorAnswer(401, "unauthorized", "wrong key")));
  const error = await lookUp();
  expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(API_KEY);
});

test("the stack leads to the user's own line", async () => {
  server.on("GET /sandboxes/sb-1", json(404, errorAnswer(404, "sandbox_not_found", "gone")));
  async function theUsersOwnFunction() {
    await Sandbox.getInfo("sb-1");
  }
  const { stack } = await errorOf(theUsersOwnFunction());
  expect(stack).toMatch(/^NotFoundError: gone\n/);
  expect(stack).toMatch(/at .*theUsersOwnFunction \(.*failures\.test\.js/);
  expect(stack).not.toContain("connection.js");
});

test("an error as JSON has its fields", async () => {
  server.on("GET /sandboxes/sb-1", json(404, errorAnswer(404, "sandbox_not_found", "no sandbox sb-1")));
  expect(JSON.parse(JSON.stringify(await lookUp()))).toMatchObject({
    name: "NotFoundError",
    message: "no sandbox sb-1",
    kind: "not_found",
    code: "sandbox_not_found",
    statusCode: 404,
    requestId: "request-1",
    retryable: false,
  });
});
