// The package `@daytonaio/sdk` as it comes, but for its WebSocket of events, which nothing serves here.
import { ENV_VARS, METADATA } from "./request.mjs";

export async function open({ url }) {
  const { Daytona } = await import("@daytonaio/sdk");
  const connection = { apiKey: "bench-key", apiUrl: `${url}/daytona`, target: "us", useDeprecatedPolling: true };
  const daytona = new Daytona(connection);
  const create = () => daytona.create({ language: "python", envVars: ENV_VARS, labels: { ...METADATA } });
  const sandbox = await create();
  return {
    create: async () => (await create()).id,
    getInfo: async (id) => (await daytona.get(id)).id,
    setTimeout: () => sandbox.setAutostopInterval(5),
    delete: () => sandbox.delete(),
  };
}
