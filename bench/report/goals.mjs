// What a run is measured by.
import { median, ratio } from "../harness/rounds.mjs";
import { overBare } from "../parts/import-time.mjs";
import { worst } from "../parts/readiness.mjs";
import { number } from "./cells.mjs";

const AT_64 = "64 in flight";
const AT_1000 = "1000 in flight";
const AT_1 = "1 in flight";

/** Each goal: what, in which unit, the bound, and where the results have it. */
const goals = [
  ["calls/s at 64 in flight, of e2b's", "×", { least: 25 }, (r) => compare(r, AT_64, "e2b", "perSecond")],
  ["calls/s at 64 in flight, of fetch's", "×", { least: 12 }, (r) => compare(r, AT_64, "fetch", "perSecond")],
  ["calls/s at 64 in flight, of undici's", "×", { least: 3 }, (r) => compare(r, AT_64, "undici", "perSecond")],
  ["calls/s at 64 in flight, of wrk's", "×", { least: 0.45 }, (r) => compare(r, AT_64, "wrk", "perSecond")],
  ["main thread a call at 64 in flight", "µs", { most: 13 }, (r) => figure(r, AT_64, "mainThreadMicros")],
  [
    "main thread a call at 64 in flight, fetch's of it",
    "×",
    { least: 28 },
    (r) => compareBack(r, AT_64, "fetch", "mainThreadMicros"),
  ],
  ["event loop delay p99 at 1,000 in flight", "ms", { most: 10 }, (r) => figure(r, AT_1000, "delayP99Ms")],
  ["latency at 1 in flight, of undici's", "×", { most: 0.9 }, (r) => compare(r, AT_1, "undici", "p50Ms")],
  ["latency at 1 in flight, of wrk's", "×", { most: 2.2 }, (r) => compare(r, AT_1, "wrk", "p50Ms")],
  ["import over bare Node.js", "ms", { most: 3 }, (r) => r.import && overBare(r.import.rows, "sandbar")],
  ["the addon", "MB", { most: 4 }, (r) => r.size?.rows[0].addonMb],
  ["resident memory after 10,000 creates", "MiB", { most: 60 }, (r) => median(r.memory?.rows[0], "rssMiB")],
  ["CPU while 2,000 sandboxes are waited for", "% of a core", { most: 5 }, (r) => late(r, "CPU, % of a core")],
  ["a usable sandbox is noticed after", "ms", { most: 25 }, (r) => late(r, "lag median, ms")],
  ["create until usable, warm", "ms", { most: 5 }, (r) => r.engine?.warm[0]["median, ms"]],
  ["create until usable, cold", "ms", { most: 40 }, (r) => r.engine?.cold[0]["median, ms"]],
  [
    "memory of an idle sandbox, of the most",
    "MiB",
    { most: 6 },
    (r) => r.engine?.fleets.at(-1)["all processes, MiB each"],
  ],
  ['commands.run("true")', "ms", { most: 2 }, (r) => r.commands?.rows[0]["median, ms"]],
];

/** What was reached of each goal; `met` is undefined where its part did not run. */
export function reached(results) {
  return goals.map(([what, unit, { least, most }, find]) => {
    const value = find(results);
    const measured = Number.isFinite(value);
    const met = measured ? (least === undefined ? value <= most : value >= least) : undefined;
    const bound = least === undefined ? `at most ${most}` : `at least ${least}`;
    return { what, figure: measured ? `${number(value)} ${unit}` : "not measured", goal: `${bound} ${unit}`, met };
  });
}

/** The list as lines of text. */
export function checklist(results) {
  const signs = new Map([
    [true, "✓"],
    [false, "✗"],
    [undefined, "–"],
  ]);
  return reached(results).map(({ what, figure, goal, met }) => `${signs.get(met)} ${what}: ${figure} (${goal})`);
}

function late(results, figure) {
  return results.readiness && worst(results.readiness, figure);
}

function row(results, variant, contestant) {
  return results.load?.rows.find((row) => row.variant === variant && row.contestant === contestant);
}

function figure(results, variant, name) {
  return median(row(results, variant, "sandbar"), name);
}

function compare(results, variant, contestant, name) {
  return ratio(row(results, variant, "sandbar"), row(results, variant, contestant), name);
}

function compareBack(results, variant, contestant, name) {
  return ratio(row(results, variant, contestant), row(results, variant, "sandbar"), name);
}
