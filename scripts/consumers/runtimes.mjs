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
 * @returns {{ program: string, problem?: undefined } | { program?: undefined, problem: string }} Where it is, or why it is not.
 */
export function obtain({ name, from, program: file }) {
  const program = path.join(FOLDER, "node_modules", name, file);
  if (existsSync(program)) return { program };
  mkdirSync(FOLDER, { recursive: true });
  const manifest = path.join(FOLDER, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, JSON.stringify({ private: true }));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { status, stderr } = capture("npm", ["install", ...quiet, `${name}@npm:${from}`], { cwd: FOLDER });
  if (status !== 0) return { problem: /^npm error (?!code )(.+)$/m.exec(stderr)?.[1] ?? `npm can't install ${from}` };
  return existsSync(program) ? { program } : { problem: `${from} has no ${file}` };
}
