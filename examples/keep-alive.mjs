// A sandbox that outlives its TTL for as long as there is work, and that ends by itself if this program dies.
import { Sandbox } from "sandbar";

const sandbox = await Sandbox.create("base", { timeout: 2, waitReady: true });
const held = sandbox.keepAlive({
  duration: 2, // seconds: a short one, to see something
  onError: (error) => console.error("the sandbox will end:", error.message),
});

const end = Date.now() + 4_000;
while (Date.now() < end) {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  console.log(`alive until ${sandbox.endAt?.toISOString()}`);
}

await held.stop();
await sandbox.delete();
