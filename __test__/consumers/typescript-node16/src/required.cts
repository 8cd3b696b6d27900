import local = require("@sandbar/local");
import sandbar = require("sandbar");

async function main(): Promise<void> {
  const engine: local.LocalEngine = await local.startLocal({ logLevel: "error" });
  const client = new sandbar.SandboxClient({ baseUrl: engine.baseUrl, apiKey: engine.apiKey });
  const sandboxes: sandbar.Sandbox[] = await client.createMany(2, "base");
  if (sandboxes.length !== 2) throw new Error("not two");
  await engine.stop();
}

main();
