"use strict";

const { version } = require("../package.json");
const { loadDevelopmentBuild } = require("./development-build.js");
const { isMusl } = require("./libc.js");

/** The name of this platform's addon, as `linux-x64-gnu`. */
function targetOf({ platform, arch }) {
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function load(target) {
  try {
    const built = loadDevelopmentBuild(target);
    if (built !== undefined) return built;
    // The names stand here as text, so that bundlers see them, and in a try, so that they let them be absent.
    switch (target) {
      case "linux-x64-gnu":
        return require("@sandbar/linux-x64-gnu");
      case "linux-x64-musl":
        return require("@sandbar/linux-x64-musl");
      case "linux-arm64-gnu":
        return require("@sandbar/linux-arm64-gnu");
      case "linux-arm64-musl":
        return require("@sandbar/linux-arm64-musl");
      case "darwin-x64":
        return require("@sandbar/darwin-x64");
      case "darwin-arm64":
        return require("@sandbar/darwin-arm64");
      case "win32-x64-msvc":
        return require("@sandbar/win32-x64-msvc");
      case "win32-arm64-msvc":
        return require("@sandbar/win32-arm64-msvc");
    }
  } catch (error) {
    throw require("./addon-failure.js").notLoaded(target, error);
  }
  throw require("./addon-failure.js").platformNotSupported(target);
}

const target = targetOf(process);
const native = load(target);
const found = native.version?.();
if (found !== version) throw require("./addon-failure.js").versionsDiffer(target, version, found);

module.exports = native;
