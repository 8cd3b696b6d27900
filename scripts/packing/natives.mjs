// The native files that go into packages: built for the oldest glibc that is promised, where cargo-zigbuild can do that.
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { library, platformName, triple } from "../platform.mjs";
import { outputOf, root, run, target } from "../tools.mjs";
import { GLIBC_FLOOR } from "./inspect.mjs";

/** Where built files are, in a folder for each package of `npm/`. A release puts those of other machines there. */
export const built = path.join(target, "natives");

/**
 * Builds what this machine can build, and puts it into `built`.
 *
 * @returns {string} Where the addon is.
 */
export function buildNatives() {
  run(process.execPath, ["scripts/build.mjs"]);
  const folders = triple().endsWith("-linux-gnu") ? forOldGlibc() : asBuilt();
  const addon = platformName();
  const engine = `local-${addon}`;
  if (existsSync(path.join(root, "npm", engine))) {
    put(path.join(folders.engine, "sandbar"), engine, "sandbar");
    // It is static, and needs no glibc at all.
    put(path.join(target, "release", "sandbar-agent"), engine, "sandbar-agent");
  }
  return put(path.join(folders.addon, library), addon, `sandbar.${addon}.node`);
}

/** Where `npm run build` puts them. */
function asBuilt() {
  return { addon: path.join(target, "addon"), engine: path.join(target, "release") };
}

/** Where the builds are that run with the oldest glibc that can be had here. */
function forOldGlibc() {
  if (outputOf("cargo-zigbuild", ["--version"]) === undefined) {
    console.log(
      "\nWithout cargo-zigbuild (`pip install cargo-zigbuild ziglang`), packages need a glibc as new as this machine's.",
    );
    return asBuilt();
  }
  const build = ["zigbuild", "--target", `${triple()}.${GLIBC_FLOOR}`];
  const flags = { CARGO_ENCODED_RUSTFLAGS: withoutHome().join("\x1f") };
  run("cargo", [...build, "--profile", "addon", "-p", "sandbar-node"], flags);
  run("cargo", [...build, "--release", "-p", "sandbar-cli"], flags);
  return { addon: path.join(target, triple(), "addon"), engine: path.join(target, triple(), "release") };
}

/** Panics name source files: those of crates without the folder of who builds. */
function withoutHome() {
  const sources = path.join(process.env.CARGO_HOME ?? path.join(homedir(), ".cargo"), "registry", "src");
  return readdirSync(sources).map((registry) => `--remap-path-prefix=${path.join(sources, registry)}${path.sep}=`);
}

function put(from, folder, name) {
  const to = path.join(built, folder, name);
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
  return to;
}
