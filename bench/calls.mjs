// Measures calls of the SDK beside those of its peers, in turn, each in a process of its own, on one server of fixed answers.
//
//   node bench/calls.mjs [sandbar fetch undici e2b]
//   ROUNDS=5 IN_FLIGHT=64 CALL=create
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { serveFixedAnswers } from "./fixed-answers.mjs";
import { quantile } from "./server.mjs";

const program = path.join(import.meta.dirname, "contestant.mjs");
const contestants = process.argv.length > 2 ? process.argv.slice(2) : ["sandbar", "fetch", "undici", "e2b"];
const rounds = Number(process.env.ROUNDS ?? 5);
const inFlight = Number(process.env.IN_FLIGHT ?? 64);
const call = process.env.CALL ?? "create";

const server = await serveFixedAnswers();
try {
  const results = Object.fromEntries(contestants.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      const setting = { contestant, call, url: server.url, inFlight, warmUpMs: 500, measureMs: 1_000 };
      const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(setting)]);
      results[contestant].push(JSON.parse(stdout));
    }
  }
  const median = (name, figure) =>
    quantile(
      results[name].map((result) => result[figure]),
      0.5,
    );
  console.table(
    Object.fromEntries(
      contestants.map((name) => [
        name,
        Object.fromEntries(
          Object.keys(results[name][0]).map((figure) => [figure, Number(median(name, figure).toFixed(2))]),
        ),
      ]),
    ),
  );
} finally {
  await server.stop();
}
