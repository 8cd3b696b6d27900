// Where and when something was measured.
import os from "node:os";
import { outputOf } from "../../scripts/tools.mjs";

export function machine() {
  const [{ model }] = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    commit: outputOf("git", ["describe", "--always", "--dirty"])?.trim() ?? "no commit",
    node: `Node.js ${process.version}`,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    cpu: `${os.availableParallelism()} × ${model.trim()}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    load: `load before ${os.loadavg()[0].toFixed(1)}`,
  };
}

/** Whether something else was running, too. */
export function isBusy({ load }) {
  return Number(load.split(" ").at(-1)) > 0.5;
}
