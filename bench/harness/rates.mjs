// Measures contestants on servers of fixed answers.
import { serveFixedAnswers } from "../fixed-answers.mjs";
import * as measure from "./measure.mjs";
import { inTurns } from "./rounds.mjs";

/**
 * Measures every contestant in every variant: `name`, and what differs of `server` (options), `call`, `inFlight`, `skip`
 * (contestants that can't) and `wrk`. Gives back rows of variant, contestant and what each round found.
 */
export async function rates(variants, { contestants, rounds, warmUpMs, measureMs }) {
  const servers = [];
  try {
    const cases = [];
    for (const { name, server: options, call = "create", inFlight = 64, skip = [], wrk = false } of variants) {
      const server = await serveFixedAnswers(options);
      servers.push(server);
      const setting = { call, inFlight, warmUpMs, measureMs };
      for (const contestant of contestants.filter((contestant) => !skip.includes(contestant))) {
        cases.push({
          variant: name,
          contestant,
          measure: () => measure.contestant(server, { ...setting, contestant }),
        });
      }
      if (wrk) cases.push({ variant: name, contestant: "wrk", measure: () => measure.wrk(server, setting) });
    }
    return await inTurns(rounds, cases);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}
