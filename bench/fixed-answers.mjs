// The server that clients are measured against: fixed answers from memory, in a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { target } from "../scripts/tools.mjs";

const build = (profile) => path.join(target, profile, "fixed-answers");
// `npm run bench` builds the one of the release.
const program =
  process.env.FIXED_ANSWERS_BIN ?? [build("release"), build("debug")].find(existsSync) ?? build("release");

/** Starts the server; over TLS, `ca` is the file of the authority to trust. */
export async function serveFixedAnswers({ latencyMs = 0, tls = false, http1 = false } = {}) {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: run \`cargo build --release -p sandbar-bench\``);
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), "sandbar-bench-"));
  const ca = tls ? path.join(folder, "ca.pem") : undefined;
  const args = ["--latency-ms", latencyMs];
  if (tls) args.push("--tls-ca", ca);
  if (http1) args.push("--http1");
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for await (const line of readline.createInterface(child.stdout)) {
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url) return { url, ca, http2: tls && !http1, pid: child.pid, stop };
  }
  await stop();
  throw new Error("the server of fixed answers ended before it listened");
}
