// Node's own fetch.
import { callsByHand } from "./by-hand.mjs";

export async function open({ url }) {
  return callsByHand(url, async (method, target, headers, body) => {
    const response = await fetch(target, { method, headers, body });
    return { status: response.status, json: () => response.json(), drop: () => response.arrayBuffer() };
  });
}
