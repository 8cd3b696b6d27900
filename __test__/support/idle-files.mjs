import { isMainThread, Worker } from "node:worker_threads";
import { Sandbox } from "sandbar";

if (isMainThread) {
  const sandbox = await Sandbox.create({ waitReady: true });
  await sandbox.files.write("a", Buffer.alloc(8 << 20));
  const stream = await sandbox.files.read("a", { format: "stream" });
  stream.once("data", () => stream.pause());
  const watch = await sandbox.files.watchDir(".");
  new Worker(new URL(import.meta.url), { env: { ...process.env, SANDBOX_ID: sandbox.sandboxId } });
  // Both are held to the end, and neither is waited for.
  process.on("exit", () => console.log(stream.isPaused(), typeof watch.stop));
} else {
  const { files } = await Sandbox.connect(process.env.SANDBOX_ID);
  let size = 0;
  for await (const chunk of await files.read("a", { format: "stream" })) size += chunk.length;
  await files.write("b", ["x".repeat(3 << 20)]);
  console.log(size, (await files.getInfo("b")).size);
}
