const http = require("node:http");
const { sandboxAnswer } = require("./answers.js");

const PID = 7;
/** How long a process of the script runs. */
const RUNS_MS = 50;

/**
 * A service and the runtimes of its sandboxes, as far as every public call has a good answer. Each API key has sandboxes
 * and processes of its own.
 */
class ScriptedSandboxes {
  #server = http.createServer((request, response) => this.#serve(request, response));
  #accounts = new Map();
  #made = 0;

  async start() {
    this.#server.keepAliveTimeout = 0;
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this.#server.address().port;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The IDs of the sandboxes that were created with a key and are still there. */
  sandboxes(apiKey) {
    return [...(this.#accounts.get(apiKey)?.sandboxes.keys() ?? [])];
  }

  #account(apiKey) {
    if (!this.#accounts.has(apiKey)) this.#accounts.set(apiKey, { sandboxes: new Map(), processes: new Map() });
    return this.#accounts.get(apiKey);
  }

  async #serve(request, response) {
    response.on("error", () => {});
    let body;
    try {
      body = Buffer.concat(await request.toArray());
    } catch {
      return;
    }
    const { pathname } = new URL(request.url, "http://scripted");
    const base = `http://${request.headers.host}`;
    const route = pathname.replace(/^\/api\/v1/, "");
    const inside = /^\/envd\/([^/]+)\/([^/]+)(\/.*)$/.exec(route);
    try {
      if (inside) {
        this.#inside(request, response, this.#account(inside[1]), inside[3], body);
      } else {
        this.#service({ request, response, base, route, body, key: request.headers["x-api-key"] ?? "" });
      }
    } catch (error) {
      // What came is not what was sent.
      answer(response, 400, { code: 400, message: String(error), error: { code: "invalid_request" } });
    }
  }

  #service({ request, response, base, route, body, key }) {
    const { sandboxes } = this.#account(key);
    const idempotencyKey = request.headers["idempotency-key"];
    const headers = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    const sandbox = (id) =>
      sandboxAnswer({
        sandboxID: id,
        envdUrl: `${base}/envd/${key}/${id}`,
        metadata: { owner: "test" },
        timeline: [{ phase: "created", status: "completed", timestamp: "2030-01-01T00:00:00Z" }],
      });
    const [, , id, tail] = route.split("/");
    switch (`${request.method} ${id === undefined ? "" : ":id"}${tail === undefined ? "" : `/${tail}`}`) {
      case "POST ": {
        JSON.parse(body);
        const known = [...sandboxes].find(([, of]) => of !== undefined && of === idempotencyKey);
        const made = known?.[0] ?? `sb-made-${++this.#made}`;
        sandboxes.set(made, idempotencyKey);
        return answer(response, 201, sandbox(made), headers);
      }
      case "GET ":
        return answer(response, 200, [sandbox("sb-1")], headers);
      case "GET :id":
        if (route === "/sandboxes/metrics") return answer(response, 200, { items: [], sandboxes: {} });
        return answer(response, 200, sandbox(id));
      case "POST :id/connect":
        return answer(response, 200, sandbox(id), headers);
      case "GET :id/logs":
        return answer(response, 200, { logs: [{ message: "hello", level: "info" }], nextCursor: 1, hasMore: false });
      case "GET :id/metrics":
        return answer(response, 200, { sandboxID: id, items: [] });
      case "DELETE :id":
        sandboxes.delete(id);
        return response.writeHead(204).end();
      default:
        if (request.method === "GET") return answer(response, 200, { status: "ok", resource: "sandboxes", items: [] });
        return response.writeHead(204).end();
    }
  }

  #inside(request, response, { processes }, route, body) {
    if (route.startsWith("/proxy/")) return answer(response, 200, { hello: "world" });
    if (route === "/files" && request.method === "GET") {
      return response.writeHead(200, { "content-type": "application/octet-stream", "content-length": 5 }).end("hello");
    }
    if (route === "/files") return answer(response, 200, [{ path: "/root/workspace/a" }]);
    const sent = body.length === 0 ? {} : JSON.parse(body);
    const entry = { name: "a", type: "FILE_TYPE_FILE", path: "/root/workspace/a", size: "5", mode: 0o644 };
    const process = processes.get(sent.process?.selector?.pid ?? sent.process?.pid);
    switch (route) {
      case "/ports":
        return answer(response, 200, [{ port: 3000, protocol: "tcp", address: "0.0.0.0" }]);
      case "/run":
        return answer(response, 200, { stdout: "hello", stderr: "", exit_code: 0, exitCode: 0, duration_ms: 1 });
      case "/files/batch":
        return answer(response, 200, { files: sent.files.map(({ path }) => ({ path })) });
      case "/filesystem.Filesystem/Stat":
      case "/filesystem.Filesystem/Move":
        return answer(response, 200, { entry });
      case "/filesystem.Filesystem/ListDir":
        return answer(response, 200, { entries: [entry] });
      case "/filesystem.Filesystem/WatchDir":
        begin(response);
        frame(response, { start: {} });
        return frame(response, { filesystem: { name: "a", type: "EVENT_TYPE_CREATE" } });
      case "/process.Process/List":
        return answer(response, 200, {
          processes: [...processes].map(([pid, { tag }]) => ({ pid, tag, config: { cmd: "a" } })),
        });
      case "/process.Process/Start":
      case "/process.Process/Connect":
        return start(response, processes, sent.tag);
      case "/process.Process/SendSignal":
        if (process === undefined && sent.process?.tag === undefined) return notFound(response);
        for (const [pid, known] of processes) {
          if (known === process || (known.tag !== undefined && known.tag === sent.process.tag)) known.end(pid);
          else if (sent.process.tag !== undefined) return notFound(response);
        }
        return processes.size === 0 && process === undefined ? notFound(response) : answer(response, 200, {});
      case "/process.Process/SendInput":
        process?.take(Buffer.from(sent.input.stdin ?? sent.input.pty ?? "", "base64").toString());
        return answer(response, 200, {});
      default:
        return answer(response, 200, { message: "done" });
    }
  }
}

function answer(response, status, body, headers = {}) {
  if (!response.headersSent)
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

function notFound(response) {
  answer(response, 404, { code: "not_found", message: "process not found" });
}

function begin(response) {
  response.writeHead(200, { "content-type": "application/connect+json" });
}

function frame(response, message, flags = 0) {
  const text = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(text.length, 1);
  response.write(Buffer.concat([head, text]));
}

/** A process that says hello and ends, or a code context, which answers that all is done. */
function start(response, processes, tag) {
  begin(response);
  const isContext = tag?.startsWith("sandbar-code-");
  const event = (event) => frame(response, { event });
  const print = (text) => event({ data: { stdout: Buffer.from(text).toString("base64") } });
  const pid = isContext ? PID + 1 : PID;
  const process = {
    tag,
    take(text) {
      for (const line of isContext ? text.split("\n").filter(Boolean) : []) {
        const { id } = JSON.parse(line);
        if (id !== undefined) print(`${JSON.stringify({ id, begun: true })}\n${JSON.stringify({ id, done: 1 })}\n`);
      }
    },
    end() {
      processes.delete(pid);
      event({ end: { exited: true, status: "exit status 0" } });
      frame(response, {}, 2);
      response.end();
    },
  };
  processes.set(pid, process);
  response.once("close", () => processes.get(pid) === process && processes.delete(pid));
  event({ start: { pid, cmdId: "cmd-1" } });
  print(isContext ? `${JSON.stringify({ ready: true })}\n` : "hello");
  if (!isContext) setTimeout(() => processes.get(pid) === process && process.end(), RUNS_MS);
}

module.exports = { ScriptedSandboxes };
