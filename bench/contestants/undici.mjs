// undici's `request`, the fastest HTTP client in JavaScript, with its usual agent.
import { callsByHand } from "./by-hand.mjs";

export async function open({ url, http2 }) {
  const { Agent, request } = await import("undici");
  // Without more streams a connection it would open as many connections as there are calls in flight.
  const dispatcher = http2 ? new Agent({ allowH2: true, pipelining: 100 }) : new Agent();
  return callsByHand(url, async (method, target, headers, body) => {
    const { statusCode, body: answer } = await request(target, { method, headers, body, dispatcher });
    return { status: statusCode, json: () => answer.json(), drop: () => answer.dump() };
  });
}
