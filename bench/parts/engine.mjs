// The local engine: how fast sandboxes start, and what they cost.
import { cold, fleet, records, warm } from "../engine.mjs";

export const title = "The engine";

export async function run({ engine }) {
  return {
    cold: await cold(engine.creates),
    warm: await warm(engine.creates),
    fleets: await inTurn(engine.fleets, fleet),
    records: await records(engine.records),
  };
}

async function inTurn(counts, step) {
  const rows = [];
  for (const count of counts) rows.push(await step(count));
  return rows;
}

export function tables({ cold, warm, fleets, records }) {
  return [
    { caption: "create until usable, cold", rows: cold },
    { caption: "create until usable, from the warm pool", rows: warm },
    { caption: "idle sandboxes", rows: transposed(fleets) },
    { caption: "lists of 100", rows: records },
  ];
}

/** Many figures of few fleets: a row for each figure. */
function transposed(rows) {
  const [first] = rows;
  return Object.keys(first).map((figure) => ({
    "": figure,
    ...Object.fromEntries(rows.map((row) => [`${row.running} sandboxes`, row[figure]])),
  }));
}
