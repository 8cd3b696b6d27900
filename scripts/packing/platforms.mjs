// The packages under npm/: one for each platform's addon, and one for each platform's engine.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../tools.mjs";

const ENGINE = "local-";

/**
 * @typedef {object} Platform
 * @property {string} folder - Under npm/, as `linux-x64-gnu` or `local-linux-x64-gnu`.
 * @property {object} manifest - Its package.json.
 * @property {boolean} isEngine - Whether it holds the engine, for `@sandbar/local`.
 * @property {string[]} files - What it has to hold, in its folder.
 */

/** @returns {Platform[]} */
export function platforms() {
  const folders = readdirSync(path.join(root, "npm"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name: folder }) => {
    const manifest = JSON.parse(readFileSync(path.join(root, "npm", folder, "package.json"), "utf8"));
    const isEngine = folder.startsWith(ENGINE);
    return { folder, manifest, isEngine, files: isEngine ? ["bin/sandbar", "bin/sandbar-agent"] : [manifest.main] };
  });
}
