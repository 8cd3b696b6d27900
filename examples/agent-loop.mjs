// An agent at work: it writes a project, runs its tests, mends what fails, shows the result on a port, and sleeps. Another
// process wakes it up, finds the files, and deletes it.
//
//   npx sandbar dev -- node examples/agent-loop.mjs
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Sandbox } from "sandbar";

const PROJECT = {
  "shop/price.py": "def total(prices, tax):\n    return sum(prices) * tax\n",
  "shop/test_price.py": `import unittest
from price import total


class Total(unittest.TestCase):
    def test_tax_comes_on_top(self):
        self.assertEqual(total([10, 20], 0.5), 45)


unittest.main()
`,
  "shop/index.html": "<h1>The shop is open</h1>\n",
};

const [sandboxId] = process.argv.slice(2);
if (sandboxId) await wakeUp(sandboxId);
else await work();

async function work() {
  const sandbox = await Sandbox.create("base", { timeout: 600, waitReady: true, metadata: { app: "agent-loop" } });
  try {
    const files = Object.entries(PROJECT).map(([path, data]) => ({ path, data }));
    console.log(`wrote ${(await sandbox.files.writeFiles(files)).length} files`);

    const first = await sandbox.commands.run("python3 test_price.py", { cwd: "shop", timeoutMs: 60_000 });
    console.log(`tests: exit code ${first.exitCode}, ${first.stderr.match(/AssertionError.*/)?.[0]}`);

    // What a model would answer, shown the failure.
    await sandbox.files.edit("shop/price.py", "* tax", "* (1 + tax)");
    const second = await sandbox.commands.run("python3 test_price.py", { cwd: "shop", timeoutMs: 60_000, check: true });
    console.log(`tests: exit code ${second.exitCode}, ${second.stderr.trim().split("\n").at(-1)}`);

    await sandbox.commands.run("python3 -m http.server 8000", { cwd: "shop", background: true });
    await sandbox.waitForPort(8000, { timeoutMs: 30_000 });
    const headers = { "X-Access-Token": sandbox.envdAccessToken ?? "" };
    const page = await fetch(sandbox.getHost(8000), { headers });
    console.log(`page: ${page.status} ${(await page.text()).trim()}`);

    await sandbox.pause();
    console.log("paused: files stay, processes do not");
  } catch (error) {
    await sandbox.delete();
    throw error;
  }
  const again = [fileURLToPath(import.meta.url), sandbox.sandboxId];
  process.exitCode = spawnSync(process.execPath, again, { stdio: "inherit" }).status ?? 1;
}

/** @param {string} id */
async function wakeUp(id) {
  const sandbox = await Sandbox.connect(id, { timeout: 600 });
  try {
    const names = (await sandbox.files.list("shop")).filter(({ type }) => type === "file").map(({ name }) => name);
    console.log(`another process found ${names.sort().join(", ")}`);
    console.log(await sandbox.files.read("shop/price.py"));
  } finally {
    await sandbox.delete();
  }
  console.log("deleted");
}
