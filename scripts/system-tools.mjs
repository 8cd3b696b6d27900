// The programs that a system's packages bring: what tells that one is usable, and which packages have it.
import { existsSync } from "node:fs";
import path from "node:path";
import { outputOf } from "./tools.mjs";

const BUBBLEWRAP_FLOOR = [0, 8];
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const CERTIFICATES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/**
 * @typedef {object} Tool
 * @property {string} name - In messages.
 * @property {() => string | undefined} problem - Why it can't be used; undefined if it can.
 * @property {Record<"apt-get" | "dnf" | "apk", string[]>} packages - By package manager.
 * @property {string} [wayOut] - What to do where no package helps.
 */

/** @type {Record<string, Tool>} */
export const TOOLS = {
  bwrap: {
    name: "bubblewrap 0.8 or later",
    problem: bubblewrapProblem,
    packages: everywhere("bubblewrap"),
    wayOut:
      "Debian 12, Ubuntu 23.04, Fedora 38 and Alpine 3.18 have it; or build https://github.com/containers/bubblewrap.",
  },
  cc: {
    name: "a C compiler with the static C library",
    problem: compilerProblem,
    packages: {
      "apt-get": ["gcc", "libc6-dev"],
      dnf: ["gcc", "glibc-devel", "glibc-static"],
      apk: ["gcc", "musl-dev"],
    },
  },
  certificates: {
    name: "the certificates of public authorities",
    problem: () =>
      [process.env.SSL_CERT_FILE, ...CERTIFICATES].some((file) => existsSync(file ?? "")) ? undefined : "missing",
    packages: everywhere("ca-certificates"),
  },
  chromium: {
    name: "Chromium",
    problem: () => (browser() === undefined ? "missing" : undefined),
    packages: everywhere("chromium"),
    wayOut:
      "where no package has it, as on Ubuntu, install Chromium or Chrome in another way, as by " +
      "`npx playwright install --with-deps chromium`, and name the program in CHROMIUM_PATH.",
  },
  curl: command("curl"),
  git: command("git"),
  openssl: { ...command("openssl"), problem: () => problemOf("openssl", ["version"]) },
  ps: { ...command("ps"), packages: { "apt-get": ["procps"], dnf: ["procps-ng"], apk: ["procps"] } },
  python3: command("python3"),
  vim: { ...command("vim"), packages: { "apt-get": ["vim"], dnf: ["vim-enhanced"], apk: ["vim"] } },
};

/** The browser that shows the dashboard to its tests: the one in CHROMIUM_PATH, or the first that is there. */
export function browser() {
  const { CHROMIUM_PATH } = process.env;
  return (CHROMIUM_PATH ? [CHROMIUM_PATH] : BROWSERS.flatMap(inPath)).find(
    (program) => problemOf(program, ["--version"]) === undefined,
  );
}

function inPath(name) {
  const files = (process.env.PATH ?? "").split(path.delimiter).map((folder) => path.join(folder, name));
  return files.filter((file) => existsSync(file));
}

/** A tool whose package has its name everywhere. */
function command(name) {
  return { name, problem: () => problemOf(name, ["--version"]), packages: everywhere(name) };
}

function everywhere(name) {
  return { "apt-get": [name], dnf: [name], apk: [name] };
}

function problemOf(program, args) {
  return outputOf(program, args) === undefined ? "missing" : undefined;
}

function bubblewrapProblem() {
  const version = /^bubblewrap (\S+)/.exec(outputOf("bwrap", ["--version"]) ?? "")?.[1];
  if (version === undefined) return "missing";
  const [major, minor] = version.split(".").map(Number);
  const [least, leastMinor] = BUBBLEWRAP_FLOOR;
  return major > least || (major === least && minor >= leastMinor) ? undefined : `${version} is too old`;
}

/** The agent is linked statically, so a compiler without `libc.a` is not enough. */
function compilerProblem() {
  const library = outputOf("cc", ["-print-file-name=libc.a"])?.trim();
  if (library === undefined) return "missing";
  return path.isAbsolute(library) ? undefined : "it has no libc.a";
}
