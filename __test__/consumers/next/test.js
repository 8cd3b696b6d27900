import assert from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** Builds the application; gives back how that ended, and what was said. */
function build(bundler, environment = {}) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", ...environment };
  const { status, stdout, stderr } = spawnSync("npx", ["next", "build", bundler], { env, encoding: "utf8" });
  return { status, said: stdout + stderr };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** What the built application answers, in a folder where nothing else is. */
async function answer() {
  renameSync(".next/standalone", "../standalone");
  const env = { ...process.env, PORT: String(await freePort()), HOSTNAME: "127.0.0.1" };
  const server = spawn(process.execPath, ["server.js"], {
    cwd: "../standalone",
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    for await (const line of createInterface(server.stdout)) if (line.includes("Ready")) break;
    return await (await fetch(`http://127.0.0.1:${env.PORT}/answer`)).text();
  } finally {
    server.kill();
    rmSync("../standalone", { recursive: true });
  }
}

for (const bundler of ["--turbopack", "--webpack"]) {
  const external = build(bundler);
  assert.equal(external.status, 0, external.said);
  assert.equal(await answer(), "served\n");

  // Neither takes an addon into a bundle: it is the build that fails, with its name, and not the server.
  const bundled = build(bundler, { IN_THE_BUNDLE: "1" });
  assert.notEqual(bundled.status, 0);
  assert.match(bundled.said, /@sandbar\/.+\.node/);
}
