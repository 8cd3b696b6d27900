// Measures commands and code in sandboxes of the local engine: one after the other, and many at once, none mixed up.
//
//   npm run bench:commands [-- sequential concurrent streamed code]     what to measure; default all
import os from "node:os";
import { SandboxClient } from "../index.js";
import { quantile, serve, timed } from "./server.mjs";

const CALLS = 200;
const SANDBOXES = 10;
const AT_ONCE = 1_000;

if (process.argv[1] === import.meta.filename) {
  console.log(`Node.js ${process.version}, Linux ${os.release()}, ${os.cpus().length} cores`);
  console.table(await measureCommands(process.argv.slice(2)));
}

/** Measures these, or all; gives back a row for each. */
export async function measureCommands(chosen = []) {
  const parts = { sequential, concurrent, streamed, code };
  const engine = await serve();
  try {
    const client = new SandboxClient(engine.options);
    const sandboxes = await client.createMany(SANDBOXES, "base", { waitReady: true });
    const rows = [];
    for (const [what, part] of Object.entries(parts)) {
      if (chosen.length > 0 && !chosen.includes(what)) continue;
      let times;
      const took = await timed(async () => {
        times = await part(sandboxes);
      });
      rows.push({
        what,
        calls: times.length,
        "per second": Math.round((times.length / took) * 1e3),
        "median, ms": Number(quantile(times, 0.5).toFixed(2)),
        "p99, ms": Number(quantile(times, 0.99).toFixed(2)),
      });
    }
    return rows;
  } finally {
    await engine.stop();
  }
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
