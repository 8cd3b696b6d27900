// Packs everything and uses it: each project of __test__/consumers is installed from the tarballs into a folder of its own, and
// tested there. Arguments are names of projects, for some of them only; `--tarballs DIR` takes what is packed already. Those that
// need large packages of the registry are tested only by name: `npm run test:consumers -- next`.
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { install, needsRegistry, packagesIn } from "./consumers/project.mjs";
import { readmeWorks } from "./consumers/readme.mjs";
import { ensureTools } from "./system-packages.mjs";
import { bin, installDependencies, root, run, succeedsIn } from "./tools.mjs";

const { values, positionals: names } = parseArgs({ options: { tarballs: { type: "string" } }, allowPositionals: true });
const projects = path.join(root, "__test__", "consumers");
ensureTools("bwrap");
installDependencies();

const folder = mkdtempSync(path.join(tmpdir(), "sandbar-consumers-"));
try {
  const tarballs = path.resolve(root, values.tarballs ?? path.join(folder, "tarballs"));
  if (!values.tarballs) run("npm", ["run", "pack:all", "--", "--out", tarballs]);
  const packages = packagesIn(tarballs);
  const checks = [
    ["publint of sandbar", () => isWellMade("publint", ["run", "--strict", packages.sandbar])],
    ["publint of @sandbar/local", () => isWellMade("publint", ["run", "--strict", packages["@sandbar/local"]])],
    ["types of sandbar", () => isWellMade("attw", [packages.sandbar])],
    // Of its ways in, those in folders are not found by the resolution of Node.js 10.
    ["types of @sandbar/local", () => isWellMade("attw", [packages["@sandbar/local"], "--profile", "node16"])],
    ["the README", () => readmeWorks(path.join(folder, "readme"), packages)],
    ...readdirSync(projects).map((name) => [name, () => works(name, packages)]),
  ];
  const byName = ([name]) => names.includes(name);
  const byDefault = ([name]) => !needsRegistry(path.join(projects, name));
  const wanted = checks.filter(names.length === 0 ? byDefault : byName);
  const results = wanted.map(([name, check]) => timed(name, check));
  console.log(`\n${results.map(({ text }) => text).join("\n")}`);
  process.exitCode = results.length > 0 && results.every(({ ok }) => ok) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

function isWellMade(tool, args) {
  return succeedsIn(folder, bin(tool), args);
}

/** Installs a project from tarballs alone, and runs its tests. */
function works(name, packages) {
  const project = path.join(folder, name);
  cpSync(path.join(projects, name), project, { recursive: true });
  return install(project, packages) && succeedsIn(project, "npm", ["test"]);
}

function timed(name, check) {
  const start = performance.now();
  const ok = check();
  return { ok, text: `${name}: ${ok ? "works" : "FAILED"} (${((performance.now() - start) / 1000).toFixed(1)} s)` };
}
