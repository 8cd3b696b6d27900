import { Sandbox } from "sandbar";

await Promise.all(Array.from({ length: 20 }, () => Sandbox.create()));
const done = performance.now();
process.on("exit", () => console.log((performance.now() - done).toFixed(0)));
