"use strict";

const path = require("node:path");

const ROOT = path.dirname(__dirname);

// Linux has two C libraries, and the file of the other one fails to load: trying both is cheaper than finding out which it is.
const VARIANTS = { linux: ["-gnu", "-musl"], win32: ["-msvc"] };

function load() {
  const { platform, arch } = process;
  const tried = [];
  for (const variant of VARIANTS[platform] ?? [""]) {
    const file = `sandbar.${platform}-${arch}${variant}.node`;
    try {
      return require(path.join(ROOT, file));
    } catch (error) {
      tried.push(`  ${file}: ${error.code === "MODULE_NOT_FOUND" ? "not there" : error.message}`);
    }
  }
  throw new Error(
    `sandbar has no native addon for ${platform}-${arch} (Node.js ${process.version}). Tried in ${ROOT}:\n${tried.join("\n")}\n` +
      "Build it with `npm run build` in that folder; this needs Rust (https://rustup.rs).",
  );
}

module.exports = load();
