// Builds the dashboard and the engine that serves it, and tests both in Chromium. Arguments are passed on to Playwright, as `-g deleted`.
import path from "node:path";
import { bin, installDependencies, needBubblewrap, needChromium, root, run } from "./tools.mjs";

if (process.platform !== "linux") {
  console.error("The local engine, which serves the dashboard, runs on Linux only.");
  process.exit(1);
}
needBubblewrap();
needChromium();
installDependencies();
// Brings the page into the command, too.
if (!process.env.SANDBAR_BIN) run(process.execPath, ["scripts/build.mjs"]);
run(bin("vitest"), ["run", "--root", "dashboard", "--dir", path.join(root, "dashboard", "src")]);
// Not in the system's temporary folder, where it would stay.
const cache = { PWTEST_CACHE_DIR: path.join(root, "node_modules", ".cache", "playwright") };
run(bin("playwright"), ["test", "--config", "dashboard", ...process.argv.slice(2)], cache);
