// A small project that uses the packed packages, in a folder outside of this repository.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root, succeedsIn } from "../tools.mjs";

const PUBLISHED = ["sandbar", "@sandbar/local"];

/** The tarballs of a folder by the names of their packages, as `{ "@sandbar/local": "/…/sandbar-local-0.1.0.tgz" }`. */
export function packagesIn(tarballs) {
  const end = `-${manifestIn(root).version}.tgz`;
  const files = readdirSync(tarballs).filter((file) => file.endsWith(end));
  const nameOf = (file) => file.slice(0, -end.length).replace(/^sandbar-/, "@sandbar/");
  return Object.fromEntries(files.map((file) => [nameOf(file), path.join(tarballs, file)]));
}

/** Whether a project wants packages that this repository does not have. */
export function needsRegistry(project) {
  return existsSync(path.join(project, "package.json")) && manifestIn(project).fromRegistry !== undefined;
}

/**
 * Installs what a project's package.json names: our packages from tarballs, without a registry, and then, as links, the tools
 * that this repository has. What it names in `fromRegistry` comes from there.
 *
 * @param {string} project - Its folder.
 * @param {Record<string, string>} packages - Tarballs by the names of their packages.
 * @returns {boolean} Whether that worked, and `npm ls` has nothing to complain about.
 */
export function install(project, packages) {
  const manifest = manifestIn(project);
  const { dependencies = {}, devDependencies = {}, fromRegistry = {} } = manifest;
  const fromFile = (names) => Object.fromEntries(names.map((name) => [name, `file:${packages[name]}`]));
  const ours = (named) => fromFile(Object.keys(named).filter((name) => PUBLISHED.includes(name)));
  const installed = {
    ...manifest,
    dependencies: ours(dependencies),
    devDependencies: ours(devDependencies),
    // Those of platforms, which ours ask for by their versions.
    overrides: fromFile(Object.keys(packages).filter((name) => !PUBLISHED.includes(name))),
  };
  writeFileSync(path.join(project, "package.json"), JSON.stringify(installed));
  const cache = path.join(path.dirname(project), "cache");
  const quiet = ["--no-audit", "--no-fund"];
  if (
    !succeedsIn(project, "npm", ["install", ...quiet, "--offline", "--cache", cache]) ||
    !succeedsIn(project, "npm", ["ls"])
  )
    return false;
  const tools = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !PUBLISHED.includes(name));
  for (const tool of tools) link(project, tool);
  const others = Object.entries(fromRegistry).map(([name, version]) => `${name}@${version}`);
  return others.length === 0 || succeedsIn(project, "npm", ["install", ...quiet, "--ignore-scripts", ...others]);
}

/** Gives a project a development dependency of this repository, with its commands. */
function link(project, tool) {
  const [from, to] = [root, project].map((folder) => path.join(folder, "node_modules"));
  mkdirSync(path.dirname(path.join(to, tool)), { recursive: true });
  symlinkSync(path.join(from, tool), path.join(to, tool));
  const { bin = {} } = manifestIn(path.join(from, tool));
  for (const command of typeof bin === "string" ? [tool] : Object.keys(bin)) {
    symlinkSync(path.join(from, ".bin", command), path.join(to, ".bin", command));
  }
}

function manifestIn(folder) {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
}
