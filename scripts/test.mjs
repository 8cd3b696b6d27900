// Builds everything and runs every test: Rust, Jest, the types, and the dashboard in Chromium.
import path from "node:path";
import { bin, installDependencies, needBubblewrap, needChromium, outputOf, run, succeeds, target } from "./tools.mjs";

needBubblewrap();
needChromium();
installDependencies();
run(process.execPath, ["scripts/build.mjs"]);

const results = [
  timed("Rust tests", rustTests),
  timed("Jest tests", () => succeeds(bin("jest"), process.argv.slice(2))),
  timed("type tests", () => succeeds(bin("tsc"), ["--noEmit"])),
];
// Where the engine runs that serves it, which was built above.
if (process.platform === "linux") results.push(timed("dashboard tests", dashboardTests));

console.log(
  `\n${results.map(({ name, ok, seconds }) => `${name}: ${ok ? "passed" : "FAILED"} (${seconds} s)`).join(" · ")}`,
);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

/** All of them, also after one that fails. */
function rustTests() {
  if (outputOf("cargo", ["nextest", "--version"]) === undefined) {
    return succeeds("cargo", ["test", "--workspace", "--no-fail-fast"]);
  }
  const passed = succeeds("cargo", ["nextest", "run", "--workspace", "--no-fail-fast"]);
  return succeeds("cargo", ["test", "--workspace", "--doc", "--no-fail-fast"]) && passed;
}

function dashboardTests() {
  const built = { SANDBAR_BIN: path.join(target, "release", "sandbar") };
  return succeeds(process.execPath, ["scripts/test-dashboard.mjs"], built);
}

function timed(name, step) {
  const start = performance.now();
  const ok = step();
  return { name, ok, seconds: ((performance.now() - start) / 1000).toFixed(1) };
}
