// undici's `request`, the fastest HTTP client in JavaScript, with its usual agent.
import { callsByHand } from "./by-hand.mjs";

export async function open({ url, http2 }) {
  const { Agent, request } = await import("undici");
  // As it comes it would open a connection for each call in flight, which makes HTTP/2 slower.
  const dispatcher = http2 ? new Agent({ allowH2: true, pipelining: 100, connections: 4 }) : new Agent();
  return callsByHand(url, async (method, target, headers, body) => {
    const { statusCode, body: answer } = await request(target, { method, headers, body, dispatcher });
    return { status: statusCode, json: () => answer.json(), drop: () => answer.dump() };
  });
}
