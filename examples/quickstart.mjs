// The documented life of a sandbox, with its states and timings. Run it with `npm run quickstart`.
import { Sandbox } from "sandbar";

const start = performance.now();

/** @param {string} step @param {Sandbox} sandbox */
function say(step, { state, endAt }) {
  const elapsed = `${(performance.now() - start).toFixed(0)} ms`.padStart(8);
  console.log(`${elapsed}  ${step.padEnd(12)} ${state?.padEnd(8)} until ${endAt?.toISOString()}`);
}

// biome-ignore format: these are the lines of the documentation.
const sandbox = await Sandbox.create("base", {
timeout: 1800,
waitReady: true,
envVars: { FOO: "bar" },
metadata: { purpose: "demo" },
});
say("create", sandbox);

const sandboxId = sandbox.sandboxId;
console.log(`             ${sandboxId} is at ${sandbox.envdUrl}`);

await sandbox.connect({ timeout: 1800 });
say("connect", sandbox);

// Or from a different process:
const reconnected = await Sandbox.connect(sandboxId, { timeout: 1800 });
say("reconnect", reconnected);

await sandbox.setTimeout(3600);
say("setTimeout", sandbox);

await sandbox.refresh();
say("refresh", sandbox);

await sandbox.pause();
say("pause", sandbox);

await sandbox.delete();
say("delete", sandbox);
