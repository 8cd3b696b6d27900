// Serves the built page, and the routes that it reads, with as many made-up sandboxes as asked for, of which some change all the time:
// the browser's part of the work can then be measured without a thousand runtimes beside it.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

const DIST = path.join(import.meta.dirname, "..", "dist");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STATES = ["running", "running", "running", "paused", "starting", "failed"];
const TICK_MS = 20;

/** Starts it on a free port; `setRate` says how many sandboxes change a second. */
export async function startFakeEngine(count) {
  const sandboxes = Array.from({ length: count }, (_, index) => sandbox(index));
  const streams = new Set();
  let sequence = 0;
  let rate = 0;
  let due = 0;
  const timer = setInterval(() => {
    for (due += (rate * TICK_MS) / 1000; due >= 1; due--) change();
  }, TICK_MS);

  function change() {
    const index = Math.floor(Math.random() * sandboxes.length);
    const state = STATES[Math.floor(Math.random() * STATES.length)];
    sandboxes[index] = { ...sandboxes[index], state, status: state };
    sequence++;
    const event = `event: sandbox\nid: ${sequence}\ndata: ${JSON.stringify(sandboxes[index])}\n\n`;
    for (const stream of streams) stream.write(event);
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (!url.pathname.startsWith("/api/v1/")) return serveFile(url.pathname, response);
    const route = url.pathname.slice("/api/v1".length);
    if (route === "/events") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(`event: hello\ndata: {"sequence": ${sequence}}\n\n`);
      streams.add(response);
      return response.on("close", () => streams.delete(response));
    }
    const offset = Number(Buffer.from(url.searchParams.get("nextToken") ?? "MA", "base64url").toString());
    response.setHeader("Content-Type", "application/json");
    if (route === "/sandboxes") {
      response.setHeader("X-Has-Next", String(offset + 100 < sandboxes.length));
      return response.end(JSON.stringify(sandboxes.slice(offset, offset + 100)));
    }
    const answers = {
      "/observability/summary": { status: "ok", availability: {}, checks: [], actions: [] },
      "/usage/limits": { user: { limits: limits(count) } },
    };
    response.end(JSON.stringify(answers[route] ?? sandboxes.find(({ sandboxID }) => route.includes(sandboxID)) ?? {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    setRate(perSecond) {
      rate = perSecond;
      due = 0;
    },
    close() {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    },
  };
}

function serveFile(pathname, response) {
  const name = pathname === "/" ? "index.html" : path.normalize(pathname);
  try {
    const body = readFileSync(path.join(DIST, name));
    response.writeHead(200, { "Content-Type": TYPES[path.extname(name)], "Content-Security-Policy": POLICY }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}

function sandbox(index) {
  const state = STATES[index % STATES.length];
  const begin = Date.now() - index * 1700;
  return {
    sandboxID: `sb-${index.toString(36).padStart(4, "0").repeat(5)}`,
    templateID: ["base", "code-interpreter", "tpl-web"][index % 3],
    state,
    status: state,
    startedAt: new Date(begin).toISOString(),
    endAt: new Date(begin + 7_200_000 + index * 1000).toISOString(),
    cpuCount: 1,
    memoryMB: 512,
    diskSizeMB: 1024,
    metadata: { app: ["web", "worker", "agent"][index % 3], run: String(1000 + (index % 97)), owner: "ci" },
    lifecycle: { onTimeout: "kill" },
    timeline: [
      { phase: "created", status: "completed", timestamp: new Date(begin).toISOString(), message: "template base" },
      { phase: "starting", status: "completed", timestamp: new Date(begin).toISOString(), durationMs: 41.3 },
      { phase: "ready", status: "completed", timestamp: new Date(begin + 42).toISOString() },
    ],
  };
}

function limits(used) {
  const limit = (most, now) => ({ limit: most, used: now, remaining: most - now, enforced: true });
  return { sandboxes: limit(10_000, used), activeSandboxes: limit(1000, 640), startsPerMinute: limit(10_000, 12) };
}
