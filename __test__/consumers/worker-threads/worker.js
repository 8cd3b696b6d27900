import { parentPort } from "node:worker_threads";
import { Sandbox } from "sandbar";

parentPort.on("message", async (job) => {
  const answer = await Sandbox.with("base", { waitReady: true }, async (sandbox) => {
    const { stdout } = await sandbox.commands.run(`echo $((${job} * ${job}))`);
    return Number(stdout);
  });
  parentPort.postMessage(answer);
});
