// An Express app that runs code for its callers, each request in a sandbox of its own, and that leaves none behind when it is
// told to end. `curl -X POST localhost:3000/run -H 'content-type: application/json' -d '{"code": "print(6 * 7)"}'`
import { once } from "node:events";
import { createServer } from "node:http";
import express from "express";
import { Sandbox, SandboxError } from "sandbar";

const app = express();
const metadata = { app: `express-route-${process.pid}` };

app.post("/run", express.json({ limit: "100kb" }), async (request, response) => {
  const { code } = request.body ?? {};
  if (typeof code !== "string") return void response.status(400).json({ error: "`code` must be a string" });

  // Whoever hangs up needs no answer: the code is interrupted, and the sandbox deleted.
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const { signal } = gone;
  const result = await Sandbox.with("base", { metadata, signal, waitReady: true, timeout: 60 }, (sandbox) =>
    sandbox.runCode(code, { signal, timeoutMs: 10_000 }),
  );
  response.json({ text: result.text, error: result.error });
});

/** @type {import("express").ErrorRequestHandler} */
const onError = (error, _request, response, next) => {
  if (response.destroyed) return;
  if (response.headersSent || !(error instanceof SandboxError)) return next(error);
  response.status(error.retryable ? 503 : 500).json({ error: error.message, requestId: error.requestId });
};
app.use(onError);

const server = createServer(app).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
console.log(`listening on http://127.0.0.1:${port}`);

await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
const closed = once(server, "close");
// No new requests. Those under way are finished, or, if that takes too long, cut off.
server.close();
const patience = setTimeout(() => server.closeAllConnections(), 5_000);
await closed;
clearTimeout(patience);
const { deleted } = await Sandbox.deleteAll({ metadata });
console.log(`ended, ${deleted.length} sandboxes were left to delete`);
