// The other calls, with 64 in flight.
import { rates } from "../harness/rates.mjs";
import { compared } from "../report/compared.mjs";

export const title = "Other calls, 64 in flight";

export async function run(settings) {
  const variants = ["getInfo", "setTimeout", "delete"].map((call) => ({ name: call, call }));
  return { rows: await rates(variants, settings) };
}

export const tables = compared;
