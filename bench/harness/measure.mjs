// Runs contestants, each time in a process of its own.
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { entry } from "../package-under-test.mjs";

const run = promisify(execFile);
const program = path.join(import.meta.dirname, "contestant.mjs");
const script = path.join(import.meta.dirname, "wrk.lua");

/** Measures one contestant against a server of fixed answers. */
export async function contestant(server, setting) {
  const { url, ca, http2 } = server;
  const env = ca ? { ...process.env, NODE_EXTRA_CA_CERTS: ca } : process.env;
  const { stdout } = await run(process.execPath, [program, JSON.stringify({ url, http2, entry, ...setting })], { env });
  return JSON.parse(stdout);
}

/** Measures the server by `wrk`, which does no more than write the same create again and again: what is possible here. */
export async function wrk(server, { inFlight, measureMs }) {
  const seconds = Math.max(1, Math.round(measureMs / 1e3));
  const load = ["-t1", `-c${inFlight}`, `-d${seconds}s`];
  const { stdout } = await run("wrk", [...load, "-s", script, `${server.url}/api/v1/sandboxes`]);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
