// The native files that go into packages: built for the oldest glibc that is promised, where cargo-zigbuild can do that.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { outputOf, root, run, target } from "../tools.mjs";
import { GLIBC_FLOOR } from "./inspect.mjs";

/** Where built files are, in a folder for each package of `npm/`. A release puts those of other machines there. */
export const built = path.join(target, "natives");

/** Builds what this machine can build, and puts it into `built`. */
export function buildNatives() {
  run(process.execPath, ["scripts/build.mjs"]);
  const { platform, arch } = process;
  const triple = /^host: (.+)$/m.exec(outputOf("rustc", ["-vV"]))[1];
  const isGlibc = triple.endsWith("-linux-gnu");
  const libc = { linux: isGlibc ? "-gnu" : "-musl", win32: "-msvc" }[platform] ?? "";
  const release = isGlibc ? forOldGlibc(triple) : path.join(target, "release");
  const library = { linux: "libsandbar_node.so", darwin: "libsandbar_node.dylib", win32: "sandbar_node.dll" }[platform];
  const addon = `${platform}-${arch}${libc}`;
  put(path.join(release, library), addon, `sandbar.${addon}.node`);
  const engine = `local-${addon}`;
  if (!existsSync(path.join(root, "npm", engine))) return;
  put(path.join(release, "sandbar"), engine, "sandbar");
  put(path.join(target, "release", "sandbar-agent"), engine, "sandbar-agent");
}

/** Where the build is that runs with the oldest glibc that can be had here. The agent is static, and needs none. */
function forOldGlibc(triple) {
  if (outputOf("cargo-zigbuild", ["--version"]) === undefined) {
    console.log(
      "\nWithout cargo-zigbuild (`pip install cargo-zigbuild ziglang`) the packages need a glibc as new as this machine's.",
    );
    return path.join(target, "release");
  }
  run("cargo", [
    "zigbuild",
    "--release",
    "--target",
    `${triple}.${GLIBC_FLOOR}`,
    "-p",
    "sandbar-node",
    "-p",
    "sandbar-cli",
  ]);
  return path.join(target, triple, "release");
}

function put(from, folder, name) {
  mkdirSync(path.join(built, folder), { recursive: true });
  copyFileSync(from, path.join(built, folder, name));
}
