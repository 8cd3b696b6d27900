// Builds what is released: the addon beside index.js, and on Linux, into target/release, the `sandbar` command, with the dashboard in
// it, and the agent that it runs inside sandboxes. It is optimised, and takes long: `npm run build:dev` is for development.
import path from "node:path";
import { buildDashboard } from "./build-dashboard.mjs";
import { install, installAddon, isLinux, library, needRust, triple } from "./platform.mjs";
import { ensureTools } from "./system-packages.mjs";
import { run, target } from "./tools.mjs";

if (!library) {
  console.error(`${process.platform} is not supported: use Linux, macOS or Windows.`);
  process.exit(1);
}
needRust();
ensureTools("cc", "certificates");

console.log(
  isLinux ? "Building the addon, the dashboard, the `sandbar` command and the agent." : "Building the addon.",
);
// Apart from the command, whose crates need more of those that both are built of.
run("cargo", ["build", "--profile", "addon", "-p", "sandbar-node"]);
installAddon(path.join(target, "addon", library));

if (isLinux) {
  // Before the command, which has it inside.
  buildDashboard();
  run("cargo", ["build", "--release", "-p", "sandbar-cli"]);
  // Static, as it runs in any root file system.
  const flags = `CARGO_TARGET_${triple().toUpperCase().replaceAll("-", "_")}_RUSTFLAGS`;
  const build = ["build", "--profile", "agent", "--target", triple(), "-p", "sandbar-agent"];
  run("cargo", build, { [flags]: "-C target-feature=+crt-static" });
  install(path.join(target, triple(), "agent", "sandbar-agent"), path.join(target, "release", "sandbar-agent"));
}
