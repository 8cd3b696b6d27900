// This package, by its statics, configured by the environment.
import { API_KEY, ENV_VARS, METADATA, TTL_SECS } from "./request.mjs";

export async function open({ url, entry }) {
  process.env.SEACLOUD_BASE_URL = url;
  process.env.SEACLOUD_API_KEY = API_KEY;
  const { Sandbox } = await import(entry);
  return {
    create: async () => {
      const options = { timeout: TTL_SECS, metadata: METADATA, envVars: ENV_VARS };
      return (await Sandbox.create("base", options)).sandboxId;
    },
    getInfo: async (id) => (await Sandbox.getInfo(id)).sandboxId,
    setTimeout: (id) => Sandbox.setTimeout(id, TTL_SECS),
    delete: (id) => Sandbox.kill(id),
  };
}
