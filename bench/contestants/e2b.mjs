// The package `e2b`, the best-known peer, as it comes.
import { ENV_VARS, METADATA, TTL_SECS } from "./request.mjs";

export async function open({ url }) {
  const { Sandbox } = await import("e2b");
  const connection = { apiUrl: `${url}/e2b`, apiKey: "e2b_bench", validateApiKey: false };
  const timeoutMs = TTL_SECS * 1_000;
  return {
    create: async () => {
      const options = { ...connection, timeoutMs, metadata: METADATA, envs: ENV_VARS };
      return (await Sandbox.create("base", options)).sandboxId;
    },
    getInfo: async (id) => (await Sandbox.getInfo(id, connection)).sandboxId,
    setTimeout: (id) => Sandbox.setTimeout(id, timeoutMs, connection),
    delete: (id) => Sandbox.kill(id, connection),
  };
}
