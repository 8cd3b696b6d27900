const http = require("node:http");

const API_KEY = "scripted-key";

/** A server whose every answer a test writes down, and which remembers what it was sent. */
class ScriptedServer {
  #scripts = new Map();
  #server = http.createServer((request, response) => this.#serve(request, response));
  requests = [];

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  get environment() {
    return { SEACLOUD_BASE_URL: this.url, SEACLOUD_API_KEY: API_KEY };
  }

  get clientOptions() {
    return { baseUrl: this.url, apiKey: API_KEY };
  }

  /** Answers a route, as `POST /sandboxes`, by one reply after the other; the last one stays. */
  on(route, ...replies) {
    this.#scripts.set(route, replies);
    return this;
  }

  forget() {
    this.#scripts.clear();
    this.requests = [];
  }

  async #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    const path = pathname.replace(/^\/api\/v1/, "");
    const sent = Buffer.concat(await request.toArray()).toString();
    const body = sent === "" ? undefined : JSON.parse(sent);
    const { method, headers } = request;
    this.requests.push({ method, path, url: request.url, query: Object.fromEntries(searchParams), headers, body });
    const replies = this.#scripts.get(`${method} ${path}`) ?? [text(501, `${method} ${path} is not in the script`)];
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    reply(response, request);
  }
}

/** A scripted server for the tests of a file, which the environment points to. */
function scriptedServer() {
  const server = new ScriptedServer();
  beforeAll(() => server.start());
  beforeEach(() => {
    server.forget();
    Object.assign(process.env, server.environment);
  });
  afterAll(() => server.stop());
  return server;
}

function json(status, body, headers = {}) {
  return text(status, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

function text(status, body, headers = {}) {
  return (response) => response.writeHead(status, headers).end(body);
}

function noContent(headers = {}) {
  return (response) => response.writeHead(204, headers).end();
}

/** Takes the request and never answers. */
function hang() {
  return () => {};
}

/** Breaks the connection before the answer. */
function reset() {
  return (_response, request) => request.socket.resetAndDestroy();
}

module.exports = { API_KEY, hang, json, noContent, reset, scriptedServer, ScriptedServer, text };
