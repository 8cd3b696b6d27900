// lib/ as one file: each file of its own takes a tenth of a millisecond at import.
import path from "node:path";
import { build } from "esbuild";
import { root } from "../tools.mjs";

/**
 * Writes lib/ of the main package into its folder.
 *
 * @param {string} folder - The package's.
 * @param {string} version - The package's.
 */
export async function bundleInto(folder, version) {
  const options = {
    outdir: path.join(folder, "lib"),
    bundle: true,
    platform: "node",
    format: "cjs",
    keepNames: true,
    logLevel: "warning",
  };
  // Apart, as it is read only where the addon does not load, and even by a Node.js that can't read the other.
  const failure = "addon-failure.js";
  await build({ ...options, target: "node12", entryPoints: [path.join(root, "lib", failure)] });
  await build({
    ...options,
    target: "node18.20",
    entryPoints: [path.join(root, "lib", "sandbar.js")],
    external: ["@sandbar/*", "@opentelemetry/api", `./${failure}`],
    plugins: [
      replacing(/[\\/]lib[\\/]development-build\.js$/, "exports.loadDevelopmentBuild = () => undefined;"),
    ].concat(replacing(/[\\/]package\.json$/, `exports.version = ${JSON.stringify(version)};`)),
  });
}

/** @returns {import("esbuild").Plugin} */
function replacing(filter, contents) {
  return { name: `replacing ${filter}`, setup: ({ onLoad }) => onLoad({ filter }, () => ({ contents, loader: "js" })) };
}
