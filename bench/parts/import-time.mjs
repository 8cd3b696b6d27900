// What an import costs: whole processes, with it and without, in turn.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { inTurns, median, spread } from "../harness/rounds.mjs";
import { entry } from "../package-under-test.mjs";
import { number, percent } from "../report/cells.mjs";
import { packages } from "../settings.mjs";

const folder = path.dirname(import.meta.dirname);
const BARE = "bare Node.js";
const EMPTY = "an empty module";
const specifiers = {
  [EMPTY]: pathToFileURL(path.join(import.meta.dirname, "empty-module.cjs")).href,
  sandbar: pathToFileURL(entry).href,
  ...packages,
};

export const title = "Import";

export async function run({ contestants, imports }) {
  const names = contestants.filter((name) => name in specifiers);
  const cases = [BARE, EMPTY, ...names].map((contestant) => ({
    contestant,
    measure: () => once(specifiers[contestant]),
  }));
  return { rows: await inTurns(imports, cases) };
}

async function once(specifier) {
  const program = specifier ? `import ${JSON.stringify(specifier)};` : "";
  const begun = performance.now();
  const { status } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], { cwd: folder });
  if (status !== 0) throw new Error(`importing ${specifier} failed`);
  return { processMs: performance.now() - begun };
}

/** How much longer a process with the import takes: the difference of medians. */
export function overBare(rows, contestant) {
  const row = rows.find((row) => row.contestant === contestant);
  return row && median(row, "processMs") - median(rows[0], "processMs");
}

export function tables({ rows }) {
  const cells = (row) => ({
    "": row.contestant,
    runs: row.rounds.length,
    "whole process, ms": number(median(row, "processMs")),
    "over bare Node.js, ms": number(overBare(rows, row.contestant)),
    "±": percent(spread(row, "processMs")),
  });
  return [{ caption: "processes that import and end", rows: rows.map(cells) }];
}
