const http = require("node:http");

/** A service that keeps sandboxes: creates, keys, details, lists, pauses and deletes, and may lose answers. */
class StatefulServer {
  /** What is there, by ID. */
  sandboxes = new Map();
  /** Called with each request; `true` loses its answer after it took effect, a number answers later (ms). */
  disturb = () => false;
  /** Fields that new sandboxes have. */
  fields = {};
  #keys = new Map();
  #count = 0;
  #server = http.createServer((request, response) => this.#serve(request, response));

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get environment() {
    return { SEACLOUD_BASE_URL: `http://127.0.0.1:${this.#server.address().port}`, SEACLOUD_API_KEY: "stateful-key" };
  }

  get ids() {
    return [...this.sandboxes.keys()].sort();
  }

  async #serve(request, response) {
    const sent = Buffer.concat(await request.toArray()).toString();
    const url = new URL(request.url, "http://localhost");
    const [, id, verb] = url.pathname.replace("/api/v1/", "").split("/");
    const { status, body, headers = {} } = this.#answer(request, url, id, verb, sent);
    const disturbance = this.disturb(request);
    if (disturbance === true) return request.socket.resetAndDestroy();
    const key = request.headers["idempotency-key"];
    if (key) headers["idempotency-key"] = key;
    const answer = () =>
      response
        .writeHead(status, { "content-type": "application/json", ...headers })
        .end(body === undefined ? undefined : JSON.stringify(body));
    if (typeof disturbance === "number") setTimeout(answer, disturbance);
    else answer();
  }

  #answer({ method, headers }, url, id, verb, sent) {
    if (method === "POST" && id === undefined) return this.#create(headers["idempotency-key"], JSON.parse(sent));
    if (method === "GET" && id === undefined) return this.#list(url.searchParams);
    const sandbox = this.sandboxes.get(id);
    if (!sandbox)
      return { status: 404, body: { code: 404, message: "no such sandbox", error: { code: "sandbox_not_found" } } };
    if (method === "DELETE") {
      this.sandboxes.delete(id);
      return { status: 204 };
    }
    if (verb === "pause") {
      const before = sandbox.state;
      sandbox.state = "paused";
      return { status: 204, headers: { "x-sandbox-previous-state": before } };
    }
    return { status: 200, body: sandbox };
  }

  #create(key, { metadata }) {
    const known = this.sandboxes.get(this.#keys.get(key));
    if (known) return { status: 201, body: known, headers: { "idempotency-replayed": "true" } };
    const sandboxID = `sb-${String(++this.#count).padStart(6, "0")}`;
    const sandbox = { sandboxID, state: "running", metadata, ...this.fields };
    this.sandboxes.set(sandboxID, sandbox);
    if (key) this.#keys.set(key, sandboxID);
    return { status: 201, body: sandbox };
  }

  /** Newest first, by offset, as the engine does it. */
  #list(query) {
    const limit = Number(query.get("limit") ?? 100);
    const offset = Number(Buffer.from(query.get("nextToken") ?? "", "base64url").toString() || 0);
    const all = [...this.sandboxes.values()].reverse();
    const hasNext = offset + limit < all.length;
    const headers = { "x-has-next": String(hasNext) };
    if (hasNext) headers["x-next-token"] = Buffer.from(String(offset + limit)).toString("base64url");
    return { status: 200, body: all.slice(offset, offset + limit), headers };
  }
}

/** A stateful server for the tests of a file, which the environment points to. */
function statefulServer() {
  const server = new StatefulServer();
  beforeAll(() => server.start());
  beforeEach(() => {
    server.sandboxes.clear();
    server.disturb = () => false;
    server.fields = {};
    Object.assign(process.env, server.environment);
  });
  afterAll(() => server.stop());
  return server;
}

module.exports = { statefulServer };
