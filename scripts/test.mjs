// Installs and builds what is needed, and runs every test: Rust, Jest, the types, and the dashboard in Chromium.

import { buildDashboard } from "./build-dashboard.mjs";
import { agent, buildDev, sandbar } from "./build-dev.mjs";
import { isLinux, needRust } from "./platform.mjs";
import { takeSteps } from "./steps.mjs";
import { ensureTools } from "./system-packages.mjs";
import { TOOLS } from "./system-tools.mjs";
import { bin, installDependencies, outputOf, succeeds } from "./tools.mjs";

needRust();
const command = { SANDBAR_BIN: sandbar };
const results = takeSteps([
  ["System packages", () => ensureTools(...Object.keys(TOOLS))],
  ["Development dependencies", installDependencies],
  // Before the command, which has it inside.
  ...only(isLinux, ["Dashboard", buildDashboard]),
  ["Build: the addon, the command, its agent and all Rust tests", () => buildDev({ withTests: true })],
  ["Rust tests", rustTests],
  ["Jest tests", () => succeeds(bin("jest"), process.argv.slice(2), command)],
  ["Type tests", () => succeeds(bin("tsc"), ["--noEmit"])],
  // Where the engine runs that serves it.
  ...only(isLinux, ["Dashboard tests", () => succeeds(process.execPath, ["scripts/test-dashboard.mjs"], command)]),
]);

console.log(`\n${results.map(({ title, ok, time }) => `${title}: ${ok ? "passed" : "FAILED"} (${time})`).join("\n")}`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

/** All of them, also after one that fails. */
function rustTests() {
  const inSandboxes = { SANDBAR_AGENT: agent };
  if (outputOf("cargo", ["nextest", "--version"]) === undefined) {
    return succeeds("cargo", ["test", "--workspace", "--no-fail-fast"], inSandboxes);
  }
  const passed = succeeds("cargo", ["nextest", "run", "--workspace", "--no-fail-fast"], inSandboxes);
  return succeeds("cargo", ["test", "--workspace", "--doc", "--no-fail-fast"], inSandboxes) && passed;
}

function only(condition, step) {
  return condition ? [step] : [];
}
