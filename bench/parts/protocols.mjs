// Creates with 64 in flight over HTTP/1.1, the same in TLS, and HTTP/2.
import { rates } from "../harness/rates.mjs";
import { compared } from "../report/compared.mjs";

export const title = "Creates by protocol, 64 in flight";

export async function run(settings) {
  const variants = [
    { name: "HTTP/1.1", server: { http1: true } },
    { name: "HTTP/1.1 in TLS", server: { http1: true, tls: true } },
    // The others do not speak it.
    { name: "HTTP/2 in TLS", server: { tls: true }, skip: ["fetch", "daytona"] },
  ];
  return { rows: await rates(variants, settings) };
}

export const tables = compared;
