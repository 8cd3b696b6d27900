// The runtimes that Sandbar is tried in, as programs out of npm packages, whose install scripts are not needed.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { capture, target } from "../tools.mjs";

const FOLDER = path.join(target, "runtimes");

/**
 * @typedef {object} Runtime
 * @property {string} name - As `node-22`.
 * @property {string} title - The name in prose, as `Node.js 22`.
 * @property {string} from - The package, with its version if it is not the latest.
 * @property {string} program - The path of the program in the package.
 * @property {string[]} args - What comes before the name of the file to run.
 */

/** @type {Runtime[]} */
export const runtimes = [
  ...[18, 20, 22, 24, 26].map((major) => ({
    name: `node-${major}`,
    title: `Node.js ${major}`,
    from: `node-linux-${process.arch}@${major}`,
    program: "bin/node",
    args: [],
  })),
  {
    name: "bun",
    title: "Bun",
    // For processors without AVX2 as well.
    from: { x64: "@oven/bun-linux-x64-baseline", arm64: "@oven/bun-linux-aarch64" }[process.arch],
    program: "bin/bun",
    args: [],
  },
  {
    name: "deno",
    title: "Deno",
    from: `@deno/linux-${process.arch}-glibc`,
    program: "deno",
    args: ["run", "--allow-all"],
  },
];

/**
 * Installs a runtime, unless it is there.
 *
 * @param {Runtime} runtime
 * @returns {{ program: string, version: string } | { problem: string }} Where it is and what it is, or why it can't be had.
 */
export function obtain({ name, from, program: file }) {
  const program = path.join(FOLDER, "node_modules", name, file);
  if (!existsSync(program)) {
    const code = install(`${name}@npm:${from}`);
    if (code !== undefined) return { problem: `npm can't install ${from} (${code})` };
  }
  const { stdout, stderr, error } = capture(program, ["--version"]);
  const version = /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0];
  return version ? { program, version } : { problem: `${from} does not run here: ${error?.message ?? stderr.trim()}` };
}

/** @returns {string | undefined} The code of npm's error, if there is one. */
function install(what) {
  mkdirSync(FOLDER, { recursive: true });
  const manifest = path.join(FOLDER, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, JSON.stringify({ private: true }));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { status, stderr } = capture("npm", ["install", ...quiet, what], { cwd: FOLDER });
  return status === 0 ? undefined : (/^npm error code (\S+)/m.exec(stderr)?.[1] ?? `it ended with ${status}`);
}
