// Builds the dashboard and the engine that serves it, and tests both in Chromium. Arguments are passed on to Playwright, as `-g deleted`.
import path from "node:path";
import { buildDashboard } from "./build-dashboard.mjs";
import { buildDev, sandbar } from "./build-dev.mjs";
import { ensureTools } from "./system-packages.mjs";
import { browser } from "./system-tools.mjs";
import { bin, root, run } from "./tools.mjs";

if (process.platform !== "linux") {
  console.error("The local engine, which serves the dashboard, runs on Linux only.");
  process.exit(1);
}
ensureTools("bwrap", "chromium");
// With its dependencies, which the tests need as well.
buildDashboard();
// Brings the page into the command, too.
if (!process.env.SANDBAR_BIN) buildDev();
run(bin("vitest"), ["run", "--root", "dashboard", "--dir", path.join(root, "dashboard", "src")]);
// Not in the system's temporary folder, where it would stay.
const env = {
  PWTEST_CACHE_DIR: path.join(root, "node_modules", ".cache", "playwright"),
  CHROMIUM_PATH: browser(),
  SANDBAR_BIN: process.env.SANDBAR_BIN || sandbar,
};
run(bin("playwright"), ["test", "--config", "dashboard", ...process.argv.slice(2)], env);
