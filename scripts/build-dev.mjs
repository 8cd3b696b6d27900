// Builds what the quickstart and the tests run: the addon beside index.js, and on Linux, into target/dev, the `sandbar` command and
// its agent. Nothing is optimised, and all of it is made by one run of cargo, so that each crate is compiled once.
import { readFileSync } from "node:fs";
import path from "node:path";
import { install, installAddon, isLinux, isMain, library, needRust } from "./platform.mjs";
import { ensureTools } from "./system-packages.mjs";
import { root, run, target } from "./tools.mjs";

const debug = path.join(target, "debug");
const dev = path.join(target, "dev");

/** Where the command and the agent are. */
export const sandbar = path.join(dev, "sandbar");
export const agent = path.join(dev, "sandbar-agent");

// With any test, crates get the features that tests need: what the quickstart builds is then what `npm test` needs as well.
const PROGRAMS = ["--lib", "--bin", "sandbar", "--test", "passthrough"];
const ALL = ["--lib", "--bins", "--tests"];

/** Builds them, and `withTests` all Rust tests. */
export function buildDev({ withTests = false } = {}) {
  needRust();
  ensureTools("cc", "certificates");
  if (!isLinux) {
    run("cargo", ["build", "-p", "sandbar-node"]);
    installAddon(path.join(debug, library));
    return;
  }
  run("cargo", ["build", "--workspace", ...(withTests ? ALL : PROGRAMS)]);
  installAddon(path.join(debug, library));
  install(path.join(debug, "sandbar"), sandbar);
  linkAgent();
}

/**
 * Static, as it runs in any root file system. Cargo would compile all that it is made of once more for that; to the linker alone it
 * makes a difference.
 */
function linkAgent() {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const made = path.join(debug, "sandbar-agent-static");
  const crate = ["--crate-name", "sandbar_agent", "--edition", "2024", path.join("crates", "agent", "src", "main.rs")];
  const libraries = [
    ...["--extern", `sandbar_agent=${path.join(debug, "libsandbar_agent.rlib")}`],
    ...["-L", `dependency=${path.join(debug, "deps")}`],
  ];
  // Each sandbox has a copy of it in memory.
  const codegen = ["-C", "target-feature=+crt-static", "-C", "strip=symbols"];
  run("rustc", [...crate, ...libraries, ...codegen, "-o", made], { CARGO_PKG_VERSION: version });
  install(made, agent);
}

if (isMain(import.meta.url)) buildDev();
