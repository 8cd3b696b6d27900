// Builds the addon beside index.js, and on Linux the `sandbar` command, with the dashboard in it, and the agent that it runs
// inside sandboxes.
import { copyFileSync, renameSync } from "node:fs";
import path from "node:path";
import { buildDashboard } from "./build-dashboard.mjs";
import { need, outputOf, root, run, target } from "./tools.mjs";

const { platform, arch } = process;
const library = { linux: "libsandbar_node.so", darwin: "libsandbar_node.dylib", win32: "sandbar_node.dll" }[platform];
if (!library) {
  console.error(`${platform} is not supported: use Linux, macOS or Windows.`);
  process.exit(1);
}

need("cargo", ["--version"], "Install Rust from https://rustup.rs, then open a new shell.");
need("rustc", ["--version"], "Install Rust from https://rustup.rs, then open a new shell.");
if (platform === "linux") {
  need("cc", ["--version"], "Install a C compiler: `apt install build-essential` or `dnf install gcc`.");
}

const triple = /^host: (.+)$/m.exec(outputOf("rustc", ["-vV"]))[1];
const linux = platform === "linux";

console.log(linux ? "Building the addon, the dashboard, the `sandbar` command and the agent." : "Building the addon.");
// Apart from the command, whose crates need more of those that both are built of.
run("cargo", ["build", "--profile", "addon", "-p", "sandbar-node"]);
install(path.join(target, "addon", library), path.join(root, `sandbar.${platform}-${arch}${variant()}.node`));

if (linux) {
  // Before the command, which has it inside.
  buildDashboard();
  run("cargo", ["build", "--release", "-p", "sandbar-cli"]);
  // Static, as it runs in any root file system.
  const flags = `CARGO_TARGET_${triple.toUpperCase().replaceAll("-", "_")}_RUSTFLAGS`;
  const build = ["build", "--profile", "agent", "--target", triple, "-p", "sandbar-agent"];
  run("cargo", build, { [flags]: "-C target-feature=+crt-static" });
  install(path.join(target, triple, "agent", "sandbar-agent"), path.join(target, "release", "sandbar-agent"));
}

function variant() {
  if (platform === "win32") return "-msvc";
  if (!linux) return "";
  return triple.endsWith("-musl") ? "-musl" : "-gnu";
}

/** By rename: a process that has the old file loaded keeps it whole. */
function install(from, to) {
  const temporary = `${to}.${process.pid}`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
  console.log(`installed ${path.relative(root, to)}`);
}
