// What this machine builds for, and how built files are called.
import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { need, outputOf, root } from "./tools.mjs";

const { platform, arch } = process;

export const isLinux = platform === "linux";

/** The addon as cargo names it; undefined where it can't be built. */
export const library = { linux: "libsandbar_node.so", darwin: "libsandbar_node.dylib", win32: "sandbar_node.dll" }[
  platform
];

/** Ends the script if Rust is missing or too old. */
export function needRust() {
  const advice = "Install it from https://rustup.rs, then open a new shell.";
  need("cargo", ["--version"], advice);
  need("rustc", ["--version"], advice);
}

/** Rust's name of this platform, as `x86_64-unknown-linux-gnu`. */
export function triple() {
  return /^host: (.+)$/m.exec(outputOf("rustc", ["-vV"]))[1];
}

/** Ours, as `linux-x64-gnu`. */
export function platformName() {
  const libc = { linux: triple().endsWith("-musl") ? "-musl" : "-gnu", win32: "-msvc" }[platform] ?? "";
  return `${platform}-${arch}${libc}`;
}

/** Puts a built addon beside index.js, from where it is loaded. */
export function installAddon(file) {
  install(file, path.join(root, `sandbar.${platformName()}.node`));
}

/** Copies a built file, by rename: a process that has the old one loaded keeps it whole. */
export function install(from, to) {
  mkdirSync(path.dirname(to), { recursive: true });
  const temporary = `${to}.${process.pid}`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
  console.log(`installed ${path.relative(root, to)}`);
}

/** Whether a script is what Node.js was started with. */
export function isMain(url) {
  return process.argv[1] === fileURLToPath(url);
}
