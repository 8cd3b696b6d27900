"use strict";

const path = require("node:path");
const { LocalError } = require("./local-error.js");

/** Where the command `sandbar` is: `SANDBAR_BINARY`, or that of the package for this platform. */
function binary() {
  const { arch, env, platform } = process;
  if (platform !== "linux") {
    const message =
      `the local engine runs on Linux only, and this is ${platform}: point SEACLOUD_BASE_URL and SEACLOUD_API_KEY at a ` +
      "service, or run it in a Linux virtual machine or container (on Windows: WSL)";
    throw new LocalError("PLATFORM_NOT_SUPPORTED", message);
  }
  return env.SANDBAR_BINARY || path.join(packageFor(`@sandbar/local-linux-${arch}-gnu`), "bin", "sandbar");
}

function packageFor(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    const message =
      `the package ${name} with the engine is not installed. There is one for Linux on x64 and arm64 with glibc; npm leaves ` +
      "it out if the lock file was made on another platform (https://github.com/npm/cli/issues/4828): remove node_modules and " +
      "package-lock.json, then run `npm install`. SANDBAR_BINARY can name a `sandbar` of your own";
    throw new LocalError("NOT_INSTALLED", message);
  }
}

module.exports = { binary };
