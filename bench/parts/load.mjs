// Creates with few and with many in flight.
import { rates } from "../harness/rates.mjs";
import { compared } from "../report/compared.mjs";

export const title = "Creates in flight";

export async function run(settings) {
  const variants = settings.inFlight.map((inFlight) => ({
    name: `${inFlight} in flight`,
    inFlight,
    wrk: settings.wrk,
  }));
  return { rows: await rates(variants, settings) };
}

export const tables = compared;
