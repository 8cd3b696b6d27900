import { parentPort, workerData } from "node:worker_threads";
import { Sandbox } from "sandbar";

const sandbox = await Sandbox.create("base", { waitReady: true });
const { stdout } = await sandbox.commands.run("echo from a worker");
const waits = workerData === "stay" ? sandbox.commands.run("sleep 600") : sandbox.delete();
parentPort.postMessage(stdout);
await waits;
