// Many sandboxes that are waited for at once: what that costs, and how late it is noticed that one is usable.
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { quantile } from "../server.mjs";

const program = path.join(import.meta.dirname, "../readiness.mjs");
const FIGURES = ["CPU, % of a core", "lag median, ms", "lag p99, ms", "lag max, ms", "memory, MiB"];

export const title = "Waiting for readiness";

/** In a process of its own, whose CPU time is the waiting's alone. */
export async function run({ readiness }) {
  const env = { ...process.env, SANDBOXES: readiness.sandboxes, ROUNDS: readiness.rounds };
  const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
  return { ...readiness, holds: JSON.parse(stdout.trim().split("\n").at(-1)) };
}

/** A figure's median over the rounds, for what the service holds: creates, looks, or nothing. */
export function held({ holds }, what, figure) {
  const values = holds[what].map((round) => round[figure]);
  return quantile(values, 0.5);
}

/** The figure where it is worst, whatever the service holds. */
export function worst(result, figure) {
  return Math.max(...Object.keys(result.holds).map((what) => held(result, what, figure)));
}

export function tables(result) {
  const cells = (what) => ({
    "the service holds": what,
    ...Object.fromEntries(FIGURES.map((figure) => [figure, held(result, what, figure)])),
  });
  return [{ caption: `${result.sandboxes} sandboxes at once`, rows: Object.keys(result.holds).map(cells) }];
}
