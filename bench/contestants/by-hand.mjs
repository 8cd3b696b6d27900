// The calls written by hand over some HTTP function: key, request ID, idempotency key, status check, JSON. No deadline and no
// repeats, which an SDK has.
import { randomUUID } from "node:crypto";
import { API_KEY, createBody, timeoutBody } from "./request.mjs";

/** `send(method, url, headers, body)` gives back `{ status, json(), drop() }`. */
export function callsByHand(url, send) {
  const base = `${url}/api/v1/sandboxes`;
  const call = async (method, path, body, more) => {
    const headers = { "x-api-key": API_KEY, "x-request-id": randomUUID(), ...more };
    if (body) headers["content-type"] = "application/json";
    const answer = await send(method, base + path, headers, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status}`);
    if (answer.status !== 204) return await answer.json();
    await answer.drop();
  };
  return {
    create: async () => (await call("POST", "", createBody(), { "idempotency-key": randomUUID() })).sandboxID,
    getInfo: async (id) => (await call("GET", `/${id}`)).sandboxID,
    setTimeout: (id) => call("POST", `/${id}/timeout`, timeoutBody()),
    delete: (id) => call("DELETE", `/${id}`),
  };
}
