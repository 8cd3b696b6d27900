// What a process takes after 10,000 creates with 64 in flight.
import { serveFixedAnswers } from "../fixed-answers.mjs";
import * as measure from "../harness/measure.mjs";
import { inTurns, median, ratio, spread } from "../harness/rounds.mjs";
import { number, percent, times } from "../report/cells.mjs";

export const title = "Resident memory after 10,000 creates, 64 in flight";

export async function run({ contestants, rounds, creates }) {
  const server = await serveFixedAnswers();
  const setting = { call: "create", inFlight: 64 };
  try {
    const cases = contestants.map((contestant) => ({
      contestant,
      measure: () => measure.contestant(server, { ...setting, contestant, count: creates }),
    }));
    cases.push({ contestant: "bare Node.js", measure: () => measure.contestant(server, { ...setting, count: 0 }) });
    return { creates, rows: await inTurns(rounds, cases) };
  } finally {
    await server.stop();
  }
}

export function tables({ creates, rows }) {
  const cells = (row) => ({
    "": row.contestant,
    "RSS, MiB": number(median(row, "rssMiB")),
    "of Sandbar": times(ratio(row, rows[0], "rssMiB")),
    "±": percent(spread(row, "rssMiB")),
  });
  return [{ caption: `after ${creates} creates`, rows: rows.map(cells) }];
}
