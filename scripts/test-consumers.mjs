// Packs everything and uses it: each project of __test__/consumers is installed from the tarballs into a folder of its own, and
// tested there. Arguments are names of projects, for some of them only; `--tarballs DIR` takes what is packed already.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { bin, installDependencies, needBubblewrap, root, run, succeedsIn } from "./tools.mjs";

const { values, positionals: names } = parseArgs({ options: { tarballs: { type: "string" } }, allowPositionals: true });
needBubblewrap();
installDependencies();

const folder = mkdtempSync(path.join(tmpdir(), "sandbar-consumers-"));
try {
  const tarballs = path.resolve(root, values.tarballs ?? path.join(folder, "tarballs"));
  if (!values.tarballs) run("npm", ["run", "pack:all", "--", "--out", tarballs]);
  const packages = packagesIn(tarballs);
  const published = ["sandbar", "@sandbar/local"].map((name) => packages[name]);
  const failed = [
    ...published.filter((tarball) => !succeedsIn(folder, bin("publint"), ["run", "--strict", tarball])),
    // Types of ways into a package that only old module resolution does not find are not looked for.
    ...published.filter((tarball) => !succeedsIn(folder, bin("attw"), [tarball, "--profile", "node16"])),
    ...consumers().filter((name) => !works(name, packages)),
  ];
  console.log(failed.length === 0 ? "\nAll consumers work." : `\nFAILED: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

function consumers() {
  const entries = readdirSync(path.join(root, "__test__", "consumers"), { withFileTypes: true });
  const all = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return all.filter((name) => names.length === 0 || names.includes(name));
}

/** The tarballs by the names of their packages. */
function packagesIn(tarballs) {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const files = readdirSync(tarballs).filter((file) => file.endsWith(`-${version}.tgz`));
  const nameOf = (file) => file.slice(0, -`-${version}.tgz`.length).replace(/^sandbar-/, "@sandbar/");
  return Object.fromEntries(files.map((file) => [nameOf(file), path.join(tarballs, file)]));
}

/** Installs a project from tarballs alone, and runs its tests. */
function works(name, packages) {
  const project = path.join(folder, name);
  cpSync(path.join(root, "__test__", "consumers", name), project, { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(project, "package.json"), "utf8"));
  const isOurs = (dependency) => dependency in packages;
  const fromFile = (dependencies) =>
    Object.fromEntries(dependencies.filter(isOurs).map((dependency) => [dependency, `file:${packages[dependency]}`]));
  const [dependencies, devDependencies] = [manifest.dependencies, manifest.devDependencies].map(Object.keys);
  const installed = {
    ...manifest,
    dependencies: fromFile(dependencies),
    devDependencies: fromFile(devDependencies),
    // Those of the platform, which ours ask for by their versions.
    overrides: fromFile(
      Object.keys(packages).filter((dependency) => !["sandbar", "@sandbar/local"].includes(dependency)),
    ),
  };
  writeFileSync(path.join(project, "package.json"), JSON.stringify(installed));
  const install = ["install", "--offline", "--no-audit", "--no-fund", "--cache", path.join(folder, "cache")];
  if (!succeedsIn(project, "npm", install) || !succeedsIn(project, "npm", ["ls", "--all"])) return false;
  for (const tool of devDependencies.filter((dependency) => !isOurs(dependency))) link(project, tool);
  return succeedsIn(project, "npm", ["test"]);
}

/** Gives a project a tool of this repository's development dependencies, with its commands. */
function link(project, tool) {
  const [from, to] = [root, project].map((place) => path.join(place, "node_modules"));
  mkdirSync(path.dirname(path.join(to, tool)), { recursive: true });
  symlinkSync(path.join(from, tool), path.join(to, tool));
  const { bin: commands = {} } = JSON.parse(readFileSync(path.join(from, tool, "package.json"), "utf8"));
  const commandNames = typeof commands === "string" ? [tool] : Object.keys(commands);
  for (const command of commandNames) symlinkSync(path.join(from, ".bin", command), path.join(to, ".bin", command));
}
