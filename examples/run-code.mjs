// Code that a model wrote, run step by step: variables last, errors are results, and what takes too long is interrupted.
import { Sandbox } from "sandbar";

const STEPS = [
  "import statistics\nprices = [12, 15, 19, 8]\nprint('read', len(prices), 'prices')",
  "statistics.mean(price)",
  "statistics.mean(prices)",
  "while True: pass",
  "max(prices)",
];

await Sandbox.with("base", { timeout: 300, waitReady: true }, async (sandbox) => {
  for (const code of STEPS) {
    const { text, error } = await sandbox.runCode(code, { timeoutMs: 1_000 });
    // What an agent would be shown.
    console.log(error ? `${error.name}: ${error.message}` : text.trimEnd());
  }
});
