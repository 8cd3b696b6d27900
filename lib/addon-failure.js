"use strict";

// Loaded only where something is wrong. Packages hold it in words that an old Node.js reads as well.
const { existsSync, readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const { glibcVersion } = require("./libc.js");

const ROOT = path.join(__dirname, "..");
const TARGETS = [
  "linux-x64-gnu",
  "linux-x64-musl",
  "linux-arm64-gnu",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64-msvc",
  "win32-arm64-msvc",
];
const GLIBC_FLOOR = "2.28";

/** Why there is no addon: `code` tells the kinds apart. */
class AddonError extends Error {
  constructor(code, message, cause) {
    super(message);
    this.code = `SANDBAR_ADDON_${code}`;
    // Not printed with it where there is none.
    if (cause !== undefined) this.cause = cause;
  }
}
Object.defineProperty(AddonError.prototype, "name", { value: "AddonError", configurable: true, writable: true });

function nodeTooOld() {
  const message = `sandbar needs Node.js 18.20 or later, and this is ${process.version}: update Node.js (https://nodejs.org)`;
  return new AddonError("NODE_TOO_OLD", message);
}

function platformNotSupported(target) {
  const message =
    `sandbar has no native addon for ${target}. There are addons for ${TARGETS.join(", ")}; ` +
    "for another platform, build it from source: `npm run build` in a clone of its repository, which needs Rust";
  return new AddonError("PLATFORM_NOT_SUPPORTED", message);
}

/** The package for this target is `wanted`, and the addon says that it is `found`: undefined in those before 0.1. */
function versionsDiffer(target, wanted, found) {
  const addon = isClone() ? `sandbar.${target}.node` : `@sandbar/${target}`;
  const wayOut = isClone()
    ? "build it anew: `npm run build`"
    : `they are always updated together: install both anew (\`npm install sandbar@${wanted}\`; with overrides or ` +
      "resolutions that name one of them, remove those), and see with `npm ls` that there is one version of each";
  const message = `sandbar is ${wanted} and its addon ${addon} is ${found ?? "of another version"}: ${wayOut}`;
  return new AddonError("VERSION_MISMATCH", message);
}

/** What `require` threw for the addon of this target, as an error that says what to do. */
function notLoaded(target, error) {
  const said = String(error?.message);
  if (!TARGETS.includes(target)) return platformNotSupported(target);
  if (error?.code === "MODULE_NOT_FOUND") return notFound(target, error);
  const glibc = /version [`'](GLIBC_[\d.]+)' not found/.exec(said);
  return glibc === null ? broken(target, error, said) : glibcTooOld(target, glibc[1], error);
}

function notFound(target, error) {
  const wanted = `@sandbar/${target}`;
  if (isClone()) {
    const message = `sandbar.${target}.node is not in ${ROOT}: build it with \`npm run build\`, which needs Rust (https://rustup.rs)`;
    return new AddonError("NOT_INSTALLED", message, error);
  }
  if (wasMoved()) return bundled(wanted, error);
  if (isInstalled(target)) {
    const message = `the package ${wanted} is there, but not all of its files: install it anew (remove node_modules, then \`npm install\`)`;
    return new AddonError("BROKEN", message, error);
  }
  const others = TARGETS.filter(isInstalled);
  const otherLibc = target.endsWith("-musl") ? target.replace("-musl", "-gnu") : target.replace("-gnu", "-musl");
  return others.includes(otherLibc) ? wrongLibc(target, otherLibc, error) : notInstalled(wanted, others, error);
}

function wrongLibc(target, other, error) {
  const [ours, theirs] = target.endsWith("-musl") ? ["musl", "glibc"] : ["glibc", "musl"];
  const message =
    `Node.js runs on ${ours} here and needs @sandbar/${target}, but only @sandbar/${other} is installed, for ${theirs}: ` +
    "node_modules comes from another system. Run `npm ci` (or `npm install`) in this one, as in a stage of the Dockerfile " +
    `that is based on the same image, or add \`--libc=${ours}\` to the install`;
  return new AddonError("WRONG_LIBC", message, error);
}

function notInstalled(wanted, others, error) {
  const reason =
    others.length > 0
      ? `node_modules was installed for another platform: it has @sandbar/${others.join(", @sandbar/")}. ` +
        "Install on the platform that runs it"
      : "npm leaves it out if the lock file was made on another platform (a bug of npm: https://github.com/npm/cli/issues/4828): " +
        "remove node_modules and package-lock.json, then run `npm install`. An install with `--omit=optional` or `--no-optional` " +
        "leaves it out, too: install without";
  const message = `sandbar's native addon, the optional dependency ${wanted}, is not installed. ${reason}`;
  return new AddonError("NOT_INSTALLED", message, error);
}

function bundled(wanted, error) {
  const message =
    `sandbar was moved away from its native addon, the package ${wanted}: a bundler has packed it, which can't pack the addon. ` +
    'Leave sandbar out of the bundle: esbuild `external: ["sandbar"]` (or `--external:sandbar`), webpack ' +
    '`externals: { sandbar: "commonjs sandbar" }`, Next.js `serverExternalPackages: ["sandbar"]`, Rollup and Vite ' +
    '`external: ["sandbar"]`. What is left out has to be in node_modules where the bundle runs';
  return new AddonError("BUNDLED", message, error);
}

function glibcTooOld(target, needed, error) {
  const here = glibcVersion() ?? "an older one";
  const wayOut = isClone()
    ? "build it on this machine: `npm run build`"
    : `sandbar runs with glibc ${GLIBC_FLOOR} or later: Debian 10, Ubuntu 18.10, RHEL 8, Amazon Linux 2023 and what came after`;
  const message = `the native addon for ${target} needs ${needed}, and this machine has glibc ${here}. ${wayOut}. ${error.message}`;
  return new AddonError("GLIBC_TOO_OLD", message, error);
}

function broken(target, error, said) {
  const wayOut = isClone()
    ? "build it anew: `npm run build`"
    : "install it anew: remove node_modules, then `npm install`";
  const message = `the native addon for ${target} is there, but does not load: ${said}. If the file is damaged, ${wayOut}`;
  return new AddonError("BROKEN", message, error);
}

/** Whether this is a clone of the repository, where addons are built. */
function isClone() {
  return existsSync(path.join(ROOT, "Cargo.toml")) && !wasMoved();
}

/** Whether this file is no longer in its package, as in a bundle. */
function wasMoved() {
  try {
    return JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")).name !== "sandbar";
  } catch {
    return true;
  }
}

/** By the package's description: its main file may be what is missing. */
function isInstalled(target) {
  try {
    createRequire(path.join(ROOT, "index.js")).resolve(`@sandbar/${target}/package.json`);
    return true;
  } catch {
    return false;
  }
}

module.exports = { nodeTooOld, notLoaded, platformNotSupported, versionsDiffer };
