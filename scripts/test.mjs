// Builds everything and runs every test: Rust, Jest and the types.
import { bin, installDependencies, needBubblewrap, outputOf, run, succeeds } from "./tools.mjs";

needBubblewrap();
installDependencies();
run(process.execPath, ["scripts/build.mjs"]);

const results = [
  timed("Rust tests", rustTests),
  timed("Jest tests", () => succeeds(bin("jest"), process.argv.slice(2))),
  timed("type tests", () => succeeds(bin("tsc"), ["--noEmit"])),
];

console.log(
  `\n${results.map(({ name, ok, seconds }) => `${name}: ${ok ? "passed" : "FAILED"} (${seconds} s)`).join(" · ")}`,
);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

function rustTests() {
  if (outputOf("cargo", ["nextest", "--version"]) === undefined) return succeeds("cargo", ["test", "--workspace"]);
  return succeeds("cargo", ["nextest", "run", "--workspace"]) && succeeds("cargo", ["test", "--workspace", "--doc"]);
}

function timed(name, step) {
  const start = performance.now();
  const ok = step();
  return { name, ok, seconds: ((performance.now() - start) / 1000).toFixed(1) };
}
