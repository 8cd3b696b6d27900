// Measures commands and code in sandboxes of the local engine: one after the other, and many at once, none mixed up.
//
//   npm run bench:commands [-- sequential concurrent streamed code]     what to measure; default all
import os from "node:os";
import { SandboxClient } from "../index.js";
import { quantile, serve, timed } from "./server.mjs";

const CALLS = 200;
const SANDBOXES = 10;
const AT_ONCE = 1_000;

const parts = { sequential, concurrent, streamed, code };
const chosen = process.argv.slice(2);
const engine = await serve();
const client = new SandboxClient(engine.options);
try {
  const sandboxes = await client.createMany(SANDBOXES, "base", { waitReady: true });
  console.log(`Node.js ${process.version}, Linux ${os.release()}, ${os.cpus().length} cores`);
  for (const [name, part] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const times = await part(sandboxes);
    const figures = { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
    console.log(`${name}: ${times.length} calls, p50 ${figures.p50.toFixed(1)} ms, p99 ${figures.p99.toFixed(1)} ms`);
  }
} finally {
  await engine.stop();
}

async function sequential([sandbox]) {
  return await inTurn(() => sandbox.commands.run("true"));
}

async function streamed([sandbox]) {
  return await inTurn(() => sandbox.commands.run("true", { onStdout: () => {} }));
}

/** In a context that is there already. */
async function code([sandbox]) {
  await sandbox.runCode("n = 0");
  return await inTurn(() => sandbox.runCode("n += 1; n"));
}

/** All at once, over all sandboxes; each command says its own number. */
async function concurrent(sandboxes) {
  const run = async (number) => {
    const sandbox = sandboxes[number % sandboxes.length];
    let stdout;
    const time = await timed(async () => {
      ({ stdout } = await sandbox.commands.run(`echo ${number}`));
    });
    if (stdout !== `${number}\n`) throw new Error(`command ${number} printed ${JSON.stringify(stdout)}`);
    return time;
  };
  return await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => run(number)));
}

async function inTurn(call) {
  const times = [];
  while (times.length < CALLS) times.push(await timed(call));
  return times;
}
