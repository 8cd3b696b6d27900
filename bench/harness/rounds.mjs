// Rounds: every case is measured once a round, and what is compared is compared within a round.
import { quantile } from "../server.mjs";

/**
 * Measures cases in turn, in the other direction every other round, so that what else the machine does falls on all alike.
 * A case is its labels and `measure()`; what comes back is the labels and what each round found.
 */
export async function inTurns(rounds, cases) {
  const found = cases.map(({ measure: _, ...labels }) => ({ ...labels, rounds: [] }));
  const order = [...cases.keys()];
  for (let round = 0; round < rounds; round++) {
    for (const index of order) {
      found[index].rounds.push(await cases[index].measure());
      process.stderr.write(".");
    }
    order.reverse();
  }
  process.stderr.write("\n");
  return found;
}

/** A figure's median over the rounds; undefined if it was not measured. */
export function median(row, figure) {
  return quantile(values(row, figure), 0.5);
}

/** How far the rounds lie apart: half of their range, as a part of the median. */
export function spread(row, figure) {
  const all = values(row, figure);
  return (Math.max(...all) - Math.min(...all)) / 2 / quantile(all, 0.5);
}

/** How many times another's figure one's is: the median of each round's ratio. */
export function ratio(row, other, figure) {
  const others = values(other, figure);
  return quantile(
    values(row, figure).map((value, round) => value / others[round]),
    0.5,
  );
}

function values(row, figure) {
  return (row?.rounds ?? []).map((found) => found[figure]).filter((value) => Number.isFinite(value));
}
