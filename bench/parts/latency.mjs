// Creates with 64 in flight, at a service that takes its time.
import { rates } from "../harness/rates.mjs";
import { compared } from "../report/compared.mjs";

export const title = "Creates at a service that takes its time, 64 in flight";

export async function run(settings) {
  const variants = [0, 5, 50].map((latencyMs) => ({ name: `a service of ${latencyMs} ms`, server: { latencyMs } }));
  return { rows: await rates(variants, settings) };
}

export const tables = compared;
