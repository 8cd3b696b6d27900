// Installs and builds what the quickstart example needs, and runs it against a local engine that lives as long as the example.
import { buildDev, sandbar } from "./build-dev.mjs";
import { needRust } from "./platform.mjs";
import { takeSteps } from "./steps.mjs";
import { ensureTools } from "./system-packages.mjs";
import { run } from "./tools.mjs";

if (process.platform !== "linux") {
  console.error(
    "The local engine runs on Linux only. Elsewhere, point SEACLOUD_BASE_URL and SEACLOUD_API_KEY at a service.",
  );
  process.exit(1);
}
needRust();
takeSteps([
  ["System packages: a C compiler and bubblewrap", () => ensureTools("cc", "certificates", "bwrap")],
  ["Build: the addon, the command and its agent (some minutes, the first time)", () => buildDev()],
  [
    "The quickstart, on an engine of its own",
    () => run(sandbar, ["dev", "--", process.execPath, "examples/quickstart.mjs"]),
  ],
]);
