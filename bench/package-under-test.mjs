// This package as it is installed: packed as for a release, with the addon of this machine.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { platforms } from "../scripts/packing/platforms.mjs";
import { stageMain, stagePlatform } from "../scripts/packing/stage.mjs";
import { root } from "../scripts/tools.mjs";

// Outside the clone, where it would find what this package is developed with, as a tracer.
const folder = mkdtempSync(path.join(os.tmpdir(), "sandbar-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const modules = path.join(folder, "node_modules");

/** What an app imports. */
export const entry = path.join(modules, "sandbar", "index.js");

/** Makes it of what is built. */
export async function installSandbar() {
  const platform = platforms().find(({ files, isEngine }) => !isEngine && existsSync(path.join(root, files[0])));
  if (!platform) throw new Error("there is no addon: run `npm run build`");
  await stageMain(path.join(modules, "sandbar"));
  stagePlatform(path.join(modules, platform.manifest.name), platform, root);
}

/** Its files, by path, with their sizes in bytes. */
export function installedFiles() {
  const names = readdirSync(modules, { recursive: true }).map((name) => path.join(modules, name));
  const sizes = names.map((name) => [name, statSync(name)]).filter(([, stat]) => stat.isFile());
  return sizes.map(([name, { size }]) => ({ name, size }));
}
